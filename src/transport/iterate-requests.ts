import { on } from 'node:events';
import type { EventEmitter } from 'node:events';

/**
 * Iterates over the values of the event `data`, until `end`. Throws if the call is over before that. `isOver` says
 * whether it is over already: no event follows then.
 */
export async function* iterateRequests(
  call: EventEmitter,
  isOver: () => boolean,
): AsyncGenerator<unknown, void, undefined> {
  const over = new AbortController();
  const closed = (): void => over.abort(new Error('the call is over'));
  if (isOver()) closed();
  call.once('close', closed);
  const options = { close: ['end'], highWaterMark: 2, lowWaterMark: 1, signal: over.signal };
  for await (const [message] of on(call, 'data', options)) yield message;
}
