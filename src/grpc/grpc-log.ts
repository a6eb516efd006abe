import { format } from 'node:util';
import { setLogger } from '@grpc/grpc-js';
import type { Logger } from '../observe/log/log.ts';

/**
 * Sends the messages of grpc-js to the log, at level `debug`. Those that matter are also errors of a call, and are
 * reported there.
 */
export function logGrpcMessages(log: Logger): void {
  const take = (...parts: readonly unknown[]): void => log.debug({ event: 'grpc' }, format(...parts));
  setLogger({ error: take, info: take, debug: take });
}
