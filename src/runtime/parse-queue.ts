import type { LedgerEvent } from '../trust/ledger/ledger.ts';
import { parseFileSteps } from '../trust/model/parse-file.ts';
import type { ParseOptions, ParsedFile } from '../trust/model/parse-file.ts';
import type { SourceEvent } from '../trust/source.ts';
import type { Clock } from './clock.ts';

type Content = Extract<SourceEvent, { readonly kind: 'content' }>;

/** One batch of a source's events, on its way into the ledger. */
interface Batch {
  readonly source: string;
  readonly events: readonly SourceEvent[];
  readonly parsed: LedgerEvent[];
  /** The text that is being parsed: that of the event after the parsed ones. */
  steps?: Generator<undefined, ParsedFile> | undefined;
  readonly startedAt: number;
}

export interface ParseQueueOptions {
  readonly parse: ParseOptions;
  readonly clock: Clock;
  /** Called with each batch, in the order in which those of its source came. */
  readonly parsed: (
    source: string,
    events: readonly LedgerEvent[],
    paths: readonly string[],
    startedAt: number,
  ) => void;
}

/** Parses the texts of batches. */
export interface ParseQueue {
  /** Parses a batch at once if it is quick; otherwise in turns, between which other work is done. */
  add(source: string, events: readonly SourceEvent[]): void;
  /** Whether some batch is not parsed yet. */
  readonly isBusy: boolean;
  close(): void;
}

/** Milliseconds of parsing after which other work has its turn. A document is not interrupted. */
const turnMs = 10;

/** Makes the queue of texts to parse. A hostile or a huge file must not keep proxies waiting while it is read. */
export function createParseQueue({ parse, clock, parsed }: ParseQueueOptions): ParseQueue {
  const unsettled = new Map<string, { readonly text: string; readonly parsed: ParsedFile }>();
  const batches: Batch[] = [];
  let cancelTurn: (() => void) | undefined;

  /** Takes one step of a batch. Returns whether the batch is parsed. */
  const step = (batch: Batch): boolean => {
    const event = batch.events[batch.parsed.length];
    if (event === undefined) return true;
    if (event.kind !== 'content') {
      if (event.kind === 'gone') unsettled.delete(event.path);
      batch.parsed.push(event);
      return false;
    }
    // A file that settles comes a second time with the same text.
    const known = unsettled.get(event.path);
    if (known?.text === event.text) {
      finish(batch, event, known.parsed);
      return false;
    }
    batch.steps ??= parseFileSteps(event.path, event.text, parse);
    const { done, value } = batch.steps.next();
    if (done === true) finish(batch, event, value);
    return false;
  };

  const finish = (batch: Batch, { path, text, settled }: Content, result: ParsedFile): void => {
    batch.steps = undefined;
    if (settled) unsettled.delete(path);
    else unsettled.set(path, { text, parsed: result });
    batch.parsed.push({ kind: 'version', path, settled, parsed: result });
  };

  const takeTurn = (): void => {
    cancelTurn = undefined;
    const end = clock.monotonic() + turnMs;
    for (let [batch] = batches; batch !== undefined; [batch] = batches) {
      while (!step(batch)) {
        if (clock.monotonic() < end) continue;
        cancelTurn = clock.after(0, takeTurn);
        return;
      }
      batches.shift();
      const { source, events, startedAt } = batch;
      const paths = events.flatMap((event) => (event.kind === 'content' ? event.path : []));
      parsed(source, batch.parsed, paths, startedAt);
    }
  };

  return {
    add(source, events) {
      batches.push({ source, events, parsed: [], startedAt: clock.monotonic() });
      if (cancelTurn === undefined) takeTurn();
    },
    get isBusy() {
      return batches.length > 0;
    },
    close() {
      cancelTurn?.();
      batches.length = 0;
    },
  };
}
