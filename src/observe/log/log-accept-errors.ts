import { reasonOf } from '../../text/system-error.ts';
import type { Logger } from './log.ts';

/** The time from one line to the next, in ms. */
const windowMs = 60_000;

/**
 * Returns a function that logs connections that a listener could not accept, such as those for which the system has no
 * memory: the first at once, and later ones in one line a minute, with their number. `listener`: such as
 * `the listener for proxies`. `schedule`: calls a function once after a minute. Default: a timer that does not keep the
 * process alive.
 */
export function logAcceptErrors(
  log: Pick<Logger, 'error'>,
  listener: string,
  schedule: (work: () => void) => void = (work) => void setTimeout(work, windowMs).unref(),
): (error: Error) => void {
  let count = 0;
  let reason = '';
  let isOpen = false;

  function write(): void {
    const connections = count === 1 ? 'a connection' : `${count} connections`;
    log.error(
      { event: 'accept-failed', listener, count, reason },
      `${listener} could not accept ${connections}: ${reason}`,
    );
    count = 0;
    isOpen = true;
    schedule(() => {
      isOpen = false;
      if (count > 0) write();
    });
  }

  return (error) => {
    count += 1;
    reason = reasonOf(error);
    if (!isOpen) write();
  };
}
