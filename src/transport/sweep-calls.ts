import type { ServerStream } from '../http2/stream.ts';
import type { ConnectionTimes } from './connection-times.ts';
import { GrpcCall } from './grpc-call.ts';
import { grpcStatus } from './status.ts';

/**
 * Ends the calls of a connection that have exceeded a time limit. Returns whether any call has time limits. `now` is a
 * time of `performance.now()`, in ms.
 */
export function sweepCalls(
  streams: readonly ServerStream[],
  { messageMs, stallMs }: ConnectionTimes,
  now: number,
): boolean {
  let hasTimed = false;
  for (const { handler: call } of streams) {
    if (!(call instanceof GrpcCall) || !call.isTimed) continue;
    hasTimed = true;
    if (call.isStalled(now, stallMs)) {
      call.giveUp();
      continue;
    }
    if (call.messageBegunAt === undefined || now - call.messageBegunAt <= messageMs) continue;
    call.cancel({ code: grpcStatus.DEADLINE_EXCEEDED, message: 'a message did not arrive in time' });
  }
  return hasTimed;
}
