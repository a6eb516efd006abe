import { format } from 'node:util';
import { setLogger } from '@grpc/grpc-js';
import type { Logger } from '../observe/log/log.ts';

/**
 * Takes what grpc-js prints by itself into the log, at the level `debug`: whatever matters of it comes as an
 * error of the call that it happened in, too, and is told there.
 */
export function logGrpcMessages(log: Logger): void {
  const take = (...parts: readonly unknown[]): void => log.debug({ event: 'grpc' }, format(...parts));
  setLogger({ error: take, info: take, debug: take });
}
