import type { LedgerEvent } from '../trust/ledger/ledger.ts';
import { parseFileSteps } from '../trust/model/parse-file.ts';
import type { ParseOptions, ParsedFile } from '../trust/model/parse-file.ts';
import type { SourceEvent } from '../trust/source.ts';
import { classOf } from '../text/system-error.ts';
import { mustFollow, pendingBatch } from './batch-order.ts';
import type { PendingBatch } from './batch-order.ts';
import type { Clock } from './clock.ts';

type Content = Extract<SourceEvent, { readonly kind: 'content' }>;

/** One batch of a source's events, on its way into the ledger. */
interface Batch extends PendingBatch {
  readonly events: readonly SourceEvent[];
  readonly parsed: LedgerEvent[];
  /** The text that is being parsed: that of the event after the parsed ones. */
  steps?: Generator<undefined, ParsedFile> | undefined;
  readonly startedAt: number;
  /** Increases with each batch. */
  readonly order: number;
  /** The number of earlier batches that must be parsed first. */
  waitsFor: number;
}

export interface ParseQueueOptions {
  readonly parse: ParseOptions | ((source: string) => ParseOptions);
  readonly clock: Clock;
  /** Called with each batch, in an order that `mustFollow` allows. */
  readonly parsed: (
    source: string,
    events: readonly LedgerEvent[],
    paths: readonly string[],
    startedAt: number,
  ) => void;
  /** Returns whether parsed events may withdraw something that their paths gave before. */
  readonly withdraws: (source: string, events: readonly LedgerEvent[]) => boolean;
  /** Called with each text on which the parser throws an error. The finding names only the class of the error. */
  readonly failed?: ((source: string, path: string, error: unknown) => void) | undefined;
}

/** Parses the texts of batches. */
export interface ParseQueue {
  /** Parses a batch at once if it is quick; otherwise in turns, between which other work is done. */
  add(source: string, events: readonly SourceEvent[]): void;
  /** True while a batch is not parsed yet. */
  readonly isBusy: boolean;
  close(): void;
}

/** Milliseconds of parsing after which other work has its turn. A document is not interrupted. */
const turnMs = 10;

/** Versions of a file that wait to be parsed, above which only the newest is kept. */
const mostVersions = 100;
/** The same for long files: this many of them are always kept, and more up to this number of characters. */
const fewVersions = 2;
const longestVersions = 2 * 2 ** 20;

/** Makes the queue of texts to parse. A hostile or a huge file must not keep proxies waiting while it is read. */
export function createParseQueue(options: ParseQueueOptions): ParseQueue {
  const { parse, clock, parsed, withdraws, failed } = options;
  const optionsOf = typeof parse === 'function' ? parse : (): ParseOptions => parse;
  const unsettled = new Map<string, { readonly text: string; readonly parsed: ParsedFile }>();
  /** In the order in which they were added. */
  const batches = new Set<Batch>();
  /** The batches that wait for no other one, by whose turn it is next. */
  const ready: Batch[] = [];
  let order = 0;
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
    try {
      batch.steps ??= parseFileSteps(event.path, event.text, optionsOf(batch.source));
      const { done, value } = batch.steps.next();
      if (done === true) finish(batch, event, value);
    } catch (error) {
      skip(batch, event, error);
    }
    return false;
  };

  /**
   * Skips a text on which the parser threw an error, as a file that cannot be read: the last text of the path stays in
   * force. A batch that stayed here would hold back the removals and the end of the first read of its source for ever.
   * The reason does not quote the error, whose text may quote the content.
   */
  const skip = (batch: Batch, { path }: Content, error: unknown): void => {
    batch.steps = undefined;
    unsettled.delete(path);
    batch.parsed.push({ kind: 'unreadable', path, reason: `the parser failed (${classOf(error)})` });
    failed?.(batch.source, path, error);
  };

  const finish = (batch: Batch, { path, text, settled }: Content, result: ParsedFile): void => {
    batch.steps = undefined;
    if (settled) unsettled.delete(path);
    else unsettled.set(path, { text, parsed: result });
    batch.parsed.push({ kind: 'version', path, settled, parsed: result });
  };

  const remove = (batch: Batch): void => {
    batches.delete(batch);
    for (const later of batches)
      if (later.waitsFor > 0 && later.order > batch.order && mustFollow(later, batch)) {
        later.waitsFor -= 1;
        if (later.waitsFor === 0) ready.push(later);
      }
  };

  /** Makes a parsed batch that withdraws something wait for the earlier ones. Returns whether it has to wait. */
  const mustWait = (batch: Batch): boolean => {
    const earlier = [...batches].filter(
      ({ source, order }) => source === batch.source && order < batch.order,
    );
    if (earlier.length === 0 || !(batch.removes || withdraws(batch.source, batch.parsed))) return false;
    batch.removes = true;
    batch.waitsFor = earlier.length;
    return true;
  };

  /** Returns the order of the last batch of a source that may remove what moved to these paths; -1 without one. */
  const lastRemoval = ({ source, paths }: PendingBatch): number =>
    [...batches].reduce(
      (last, batch) => (batch.source === source && mayRemoveFor(paths, batch) ? batch.order : last),
      -1,
    );

  const apply = (batch: Batch): void => {
    remove(batch);
    const { source, events, startedAt } = batch;
    const paths = events.flatMap((event) => (event.kind === 'content' ? event.path : []));
    parsed(source, batch.parsed, paths, startedAt);
  };

  /** Takes one step of each batch in turn, so that a batch with a long text does not delay the others. */
  const takeTurn = (): void => {
    cancelTurn = undefined;
    const end = clock.monotonic() + turnMs;
    for (let batch = ready.shift(); batch !== undefined; batch = ready.shift()) {
      if (step(batch)) {
        if (!mustWait(batch)) apply(batch);
        continue;
      }
      ready.push(batch);
      if (clock.monotonic() < end) continue;
      cancelTurn = clock.after(0, takeTurn);
      return;
    }
  };

  return {
    add(source, events) {
      const pending = pendingBatch(source, events);
      let waitsFor = 0;
      // A file that is written faster than it is parsed would fill the memory with its versions.
      const superseded = [...batches].filter(
        (earlier) => earlier.waitsFor > 0 && earlier.source === source && supersedes(events, earlier.events),
      );
      if (superseded.length > 0) {
        // What a later batch removes may have moved to an earlier version: that batch waits for it.
        const last = isTooMuch(superseded) ? -1 : lastRemoval(pending);
        for (const earlier of superseded) if (earlier.order >= last) remove(earlier);
      }
      for (const earlier of batches) if (mustFollow(pending, earlier)) waitsFor += 1;
      const batch = { ...pending, events, parsed: [], startedAt: clock.monotonic(), waitsFor, order };
      order += 1;
      batches.add(batch);
      if (waitsFor === 0) ready.push(batch);
      if (cancelTurn === undefined) takeTurn();
    },
    get isBusy() {
      return batches.size > 0;
    },
    close() {
      cancelTurn?.();
      batches.clear();
      ready.length = 0;
    },
  };
}

/** Returns whether waiting versions of a file take too much memory, or too long to parse. */
function isTooMuch(versions: readonly Batch[]): boolean {
  if (versions.length <= fewVersions) return false;
  const events = versions.flatMap((version) => version.events);
  const length = events.reduce((sum, event) => sum + (event.kind === 'content' ? event.text.length : 0), 0);
  return versions.length >= mostVersions || length > longestVersions;
}

/**
 * Returns whether a batch may remove what moved to these paths. Whether its texts remove something is known only when
 * all of them are parsed.
 */
function mayRemoveFor(paths: ReadonlySet<string>, { removes, events }: Batch): boolean {
  return (
    removes || events.some((event) => event.kind === 'content' && event.settled && !paths.has(event.path))
  );
}

/**
 * Returns whether a batch is a newer version of the one path of an earlier batch, and has the same effect without it. A
 * text that may be incomplete withdraws nothing, so the last complete one still has to be applied.
 */
function supersedes(events: readonly SourceEvent[], earlier: readonly SourceEvent[]): boolean {
  if (events.length > 1 || earlier.length > 1) return false;
  const [[newer], [older]] = [events, earlier];
  if (newer?.kind !== 'content' || older?.kind !== 'content' || newer.path !== older.path) return false;
  return newer.settled || !older.settled;
}
