import { status } from '@grpc/grpc-js';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { XdsRequest } from '../core/request.ts';
import type { Session } from '../core/session.ts';
import type { Observe } from '../core/session-event.ts';
import type { Hub, HubStream } from './hub.ts';
import type { SafeObserver, StreamEnd, StreamInfo } from './observer.ts';

/** What a stream is made of: the protocol, and its surroundings. */
export interface StreamParts<Request extends XdsRequest> {
  readonly createSession: (observe: Observe) => Session<Request>;
  /** Throws on bytes that are no request. */
  readonly decode: (bytes: Uint8Array) => Request;
  readonly observer: SafeObserver;
  readonly hub: Hub;
  readonly clock: () => number;
  readonly info: Pick<StreamInfo, 'id' | 'transport' | 'protocol'>;
}

/** The call of either streaming method, with requests and responses as bytes. */
export type BytesCall = ServerDuplexStream<Uint8Array, Uint8Array>;

/**
 * Runs the protocol on a gRPC call until either end is done with it. One response at a time is handed to the
 * transport, and the next is made when that one is through: so a slow reader has one response waiting, and
 * what it gets after that is the newest.
 */
export function serveStream<Request extends XdsRequest>(call: BytesCall, parts: StreamParts<Request>): void {
  const { decode, observer, hub, clock } = parts;
  const info = { ...parts.info, address: call.getPeer(), nodeId: '', userAgent: '', group: undefined };
  const stream: StreamInfo & { nodeId: string; userAgent: string; group: string | undefined } = info;
  const session = parts.createSession((event) => {
    switch (event.kind) {
      case 'request':
        return observer.request(stream, { typeUrl: event.typeUrl, kind: event.request });
      case 'acked':
        return observer.acked(stream, event);
      case 'quoted':
        return observer.quoted(stream, event);
      case 'nacked':
        return observer.nacked(stream, event);
    }
  });
  let writing = false;
  let open = true;

  const member: HubStream = {
    get group() {
      return stream.group;
    },
    changed(change) {
      session.changed(change);
      pump();
    },
    pump,
    drain: () => end({ code: 'UNAVAILABLE', message: 'the server is shutting down' }),
  };

  function pump(): void {
    if (!open || writing) return;
    guarded(() => {
      const response = session.take(clock());
      hub.wake(member, session.wakeAt);
      if (response === undefined) return;
      writing = true;
      call.write(response.bytes, written);
      observer.response(stream, response);
    });
  }

  function written(): void {
    writing = false;
    pump();
  }

  function receive(bytes: Uint8Array): void {
    if (!open) return;
    const request = decodeOrEnd(bytes);
    if (request === undefined) return;
    guarded(() => {
      const refusal = session.request(request, clock());
      if (refusal !== undefined) return end(refusal);
      if (stream.group === undefined) join();
      pump();
    });
  }

  function decodeOrEnd(bytes: Uint8Array): Request | undefined {
    try {
      return decode(bytes);
    } catch {
      end({ code: 'INVALID_ARGUMENT', message: 'the request cannot be decoded' });
      return undefined;
    }
  }

  function join(): void {
    stream.nodeId = session.peer?.nodeId ?? '';
    stream.userAgent = session.peer?.userAgent ?? '';
    stream.group = session.peer?.group;
    hub.joined(member);
  }

  /** A fault on one stream ends that stream and no other. */
  function guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      observer.failed(stream, error);
      end({ code: 'INTERNAL', message: 'internal error' });
    }
  }

  function end(how: StreamEnd): void {
    if (!closed(how)) return;
    // What grpc-js takes for a status: `destroy` would drop it. https://github.com/grpc/grpc-node, server-call
    if (how.code === 'OK') call.end();
    else call.emit('error', { code: status[how.code], details: how.message });
  }

  function closed(how: StreamEnd): boolean {
    if (!open) return false;
    open = false;
    hub.remove(member);
    observer.streamClosed(stream, how);
    return true;
  }

  const cancelled = (): void => void closed({ code: 'CANCELLED', message: 'the other end is gone' });
  hub.add(member);
  observer.streamOpened(stream);
  call.on('data', receive);
  // A cancelled call ends too, a moment before it says that it is cancelled.
  call.on('end', () => setImmediate(end, { code: 'OK', message: '' }));
  call.on('cancelled', cancelled);
  call.on('error', cancelled);
  call.on('close', cancelled);
}
