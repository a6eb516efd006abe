import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import { Metadata } from '@grpc/grpc-js';
import type { ServerDuplexStream } from '@grpc/grpc-js';

/** The call of a streaming method, with requests and responses as bytes. */
export type BytesCall = ServerDuplexStream<Uint8Array, Uint8Array>;

/** The HTTP/2 stream under a call. grpc-js still sends the headers and the status, and tells of the end. */
export interface Below {
  readonly stream: ServerHttp2Stream;
  /** Longest message that the server accepts. */
  readonly maxReceiveBytes: number;
}

/**
 * Reaches below grpc-js 1.14, which copies each response once a stream, keeps the buffer that a request came
 * in, and runs a promise a request. None of what is used here is its public interface, so it is looked at
 * first: undefined where something is not as it is known to be, or where a call has a need (compression, a
 * limit of what is sent) that only grpc-js serves.
 */
export function reachBelow(call: BytesCall): Below | undefined {
  const inner = propertyOf(call, 'call');
  const stream = http2StreamOf(call);
  const maxReceive = propertyOf(inner, 'maxReceiveMessageSize');
  const readQueue = propertyOf(inner, 'readQueue');
  const asKnown =
    stream !== undefined &&
    stream.listenerCount('data') === 1 &&
    typeof maxReceive === 'number' &&
    Array.isArray(readQueue) &&
    readQueue.length === 0 &&
    propertyOf(inner, 'maxSendMessageSize') === -1 &&
    propertyOf(inner, 'incomingEncoding') === 'identity';
  if (!asKnown) return undefined;
  return { stream, maxReceiveBytes: maxReceive === -1 ? Number.POSITIVE_INFINITY : maxReceive };
}

/** The HTTP/2 stream of a call, to look at and to end it: undefined where it is not where it is known to be. */
export function http2StreamOf(call: BytesCall): ServerHttp2Stream | undefined {
  const stream = propertyOf(propertyOf(call, 'call'), 'stream');
  return isHttp2Stream(stream) ? stream : undefined;
}

/**
 * What a client may send before it hears that it was read. The default is what an Envoy's request of 61 KB
 * fills, so that each would be followed by four updates of windows; grpc-js has no option for it in servers.
 */
const windowBytes = 262_144;
/** What tells such a request from those that fit by the dozen: telling of other windows is a fiftieth of connecting. */
const largeChunk = 8192;
const widened = new WeakSet<Http2Session>();

function widenWindows(session: Http2Session | undefined): void {
  if (session === undefined || session.destroyed || widened.has(session)) return;
  widened.add(session);
  session.setLocalWindowSize(windowBytes);
  session.settings({ initialWindowSize: windowBytes });
}

/** Takes reading over from grpc-js, for good. */
export function readBelow({ stream }: Below, onChunk: (chunk: Buffer) => void, onEnd: () => void): void {
  stream.removeAllListeners('data');
  stream.on('data', (chunk: Buffer) => {
    if (chunk.length >= largeChunk) widenWindows(stream.session);
    onChunk(chunk);
  });
  stream.on('end', onEnd);
  stream.resume();
}

/** Writes a message that has gRPC's header already. It is not copied, so it must not change. */
export function writeBelow(
  { stream }: Below,
  call: BytesCall,
  framed: Uint8Array,
  done: (error?: Error | null) => void,
): void {
  if (stream.destroyed || stream.closed) return;
  if (!stream.headersSent) call.sendMetadata(new Metadata());
  stream.write(framed, done);
}

function propertyOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function isHttp2Stream(value: unknown): value is ServerHttp2Stream {
  return (
    typeof propertyOf(value, 'respond') === 'function' &&
    typeof propertyOf(value, 'write') === 'function' &&
    typeof propertyOf(value, 'headersSent') === 'boolean' &&
    typeof propertyOf(value, 'session') === 'object'
  );
}
