import { open } from 'node:fs/promises';
import { devNull } from 'node:os';
import { createLineLimit } from './line-limit.ts';
import type { Logger } from './log.ts';

/** The time between two checks, in ms. */
const checkMs = 10_000;
/** The shortest time between two lines, in ms. */
const windowMs = 60_000;

export interface DescriptorLogOptions {
  /** Opens and closes a file. */
  readonly probe?: (() => Promise<void>) | undefined;
  readonly now?: (() => number) | undefined;
}

/** Checks whether the process can open a file. */
export interface DescriptorLog extends Disposable {
  /** Checks it now. It is also checked every 10 seconds, until it is disposed of. */
  check(): Promise<void>;
}

/**
 * Logs, once a minute at most, that no file descriptor is free. Node.js reports no error then: libuv accepts and closes
 * all connections that wait, with a descriptor that it keeps for that. Their number cannot be known.
 */
export function logDescriptors(
  log: Pick<Logger, 'error'>,
  { probe = openNull, now = () => performance.now() }: DescriptorLogOptions = {},
): DescriptorLog {
  const limit = createLineLimit(1, windowMs, now);
  const check = async (): Promise<void> => {
    try {
      await probe();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // The limit of the process, or that of the system.
      if ((code !== 'EMFILE' && code !== 'ENFILE') || !limit.admit().admitted) return;
      log.error(
        { event: 'no-descriptors', code },
        'no file descriptor is free, so new connections are closed at once, those of proxies, too: raise the limit of open files (ulimit -n)',
      );
    }
  };
  const timer = setInterval(() => void check(), checkMs).unref();
  return { check, [Symbol.dispose]: () => clearInterval(timer) };
}

async function openNull(): Promise<void> {
  await (await open(devNull)).close();
}
