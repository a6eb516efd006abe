import type { SequenceRecord } from '../bundle-endpoint/core/sequence-record.ts';
import type { SequenceFile } from '../bundle-endpoint/sequence-file.ts';
import type { Clock } from '../runtime/clock.ts';

/** Keeps the sequences of published bundles, before a response contains them. */
export interface KeptSequences extends Disposable {
  /** Writes the records, which have changed. */
  readonly keep: () => void;
  /** Resolves once responses may be sent; `undefined` if they need not wait. */
  readonly kept: () => Promise<void> | undefined;
}

/**
 * For this time, in milliseconds, responses wait for the state directory after a change. If it does not respond, a
 * removed CA must not stay published.
 */
const keepMs = 5_000;

/**
 * Keeps sequences in a file; without a file, nowhere. A crash after a response must not let a later one have a lower
 * sequence.
 */
export function keepSequences(
  file: SequenceFile | undefined,
  records: () => readonly SequenceRecord[],
  after: Clock['after'],
): KeptSequences {
  let keeping: Promise<void> | undefined;
  let cancel: (() => void) | undefined;
  return {
    keep() {
      if (file === undefined) return;
      file.save(records());
      const { promise: limit, resolve } = Promise.withResolvers<undefined>();
      cancel ??= after(keepMs, () => resolve(undefined));
      keeping ??= Promise.race([file.written(), limit]).then(() => {
        cancel?.();
        keeping = cancel = undefined;
      });
    },
    kept: () => keeping,
    [Symbol.dispose]: () => cancel?.(),
  };
}
