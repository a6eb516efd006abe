/** Runs a write after all earlier ones. The promise resolves once it has ended, also if it failed. */
export type WriteQueue = (write: () => Promise<void>) => Promise<void>;

/**
 * Creates a queue of writes to the state directory, which run one at a time. Writes report their own failures. An error
 * that one throws all the same is a defect: it is a warning of the process, and the later writes run.
 */
export function createWriteQueue(): WriteQueue {
  const warn = warnOnce('a write to the state directory ended early');
  let last: Promise<void> = Promise.resolve();
  return (write) => {
    last = last.then(write).catch(warn);
    return last;
  };
}

/**
 * Returns a function that calls a callback which reports on writes. An error of the callback is a warning of the
 * process, and does not reach the caller: the other files of the same write would not be written.
 */
export function safeReport<Values extends readonly unknown[]>(
  callback: (...values: Values) => void,
): (...values: Values) => void {
  const warn = warnOnce('a callback of the state directory threw an error');
  return (...values) => {
    try {
      callback(...values);
    } catch (error) {
      warn(error);
    }
  };
}

function warnOnce(what: string): (error: unknown) => void {
  let warned = false;
  return (error) => {
    if (warned) return;
    warned = true;
    process.emitWarning(`${what} (later errors are not reported): ${String(error)}`);
  };
}
