import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { Metadata } from '@grpc/grpc-js';
import type { ServerDuplexStream } from '@grpc/grpc-js';

/** The call of a streaming method, with requests and responses as bytes. */
export type BytesCall = ServerDuplexStream<Uint8Array, Uint8Array>;

/** The HTTP/2 stream of a call. grpc-js still sends the headers and the status, and reports the end. */
export interface GrpcInternals {
  readonly stream: ServerHttp2Stream;
  /** Maximum size of a message that the server accepts. */
  readonly maxReceiveBytes: number;
}

/**
 * Returns the internals of a call of grpc-js 1.14. By itself grpc-js copies each response for each stream, keeps
 * the buffer of each request, and runs a promise for each request. Because the internals are no public interface,
 * they are checked first. Returns `undefined` if one of them is not as expected, or if the call needs a feature
 * that only grpc-js provides: compression, or a limit on sent messages.
 */
export function accessInternals(call: BytesCall): GrpcInternals | undefined {
  const inner = propertyOf(call, 'call');
  const stream = http2StreamOf(call);
  const maxReceive = propertyOf(inner, 'maxReceiveMessageSize');
  const readQueue = propertyOf(inner, 'readQueue');
  const isKnownShape =
    stream !== undefined &&
    stream.listenerCount('data') === 1 &&
    typeof maxReceive === 'number' &&
    Array.isArray(readQueue) &&
    readQueue.length === 0 &&
    propertyOf(inner, 'maxSendMessageSize') === -1 &&
    propertyOf(inner, 'incomingEncoding') === 'identity';
  if (!isKnownShape) return undefined;
  return { stream, maxReceiveBytes: maxReceive === -1 ? Number.POSITIVE_INFINITY : maxReceive };
}

/** Returns the HTTP/2 stream of a call, to inspect and end it; `undefined` if grpc-js has unexpected internals. */
export function http2StreamOf(call: object): ServerHttp2Stream | undefined {
  const stream = propertyOf(propertyOf(call, 'call'), 'stream');
  return isHttp2Stream(stream) ? stream : undefined;
}

/** Returns the socket of a session; `undefined` once it is closed. Node returns the same proxy object each time. */
export function socketOf(session: Http2Session | undefined): Socket | undefined {
  return session === undefined || session.destroyed ? undefined : session.socket;
}

/**
 * Bytes that a client may send before it gets a window update. A request of Envoy (61 KB) fills the default
 * window, so each would need four window updates. grpc-js has no option for the window of a server.
 */
const windowBytes = 262_144;
/**
 * Only clients whose requests exceed this size get a larger window: sending the setting costs 2 % of a
 * connection.
 */
const largeChunkBytes = 8192;
const widenedSessions = new WeakSet<Http2Session>();

function widenWindows(session: Http2Session | undefined): void {
  if (session === undefined || session.destroyed || widenedSessions.has(session)) return;
  widenedSessions.add(session);
  session.setLocalWindowSize(windowBytes);
  session.settings({ initialWindowSize: windowBytes });
}

/** Replaces the reader of grpc-js permanently. */
export function readDirectly(
  { stream }: GrpcInternals,
  onChunk: (chunk: Buffer) => void,
  onEnd: () => void,
): void {
  stream.removeAllListeners('data');
  stream.on('data', (chunk: Buffer) => {
    if (chunk.length >= largeChunkBytes) widenWindows(stream.session);
    onChunk(chunk);
  });
  stream.on('end', onEnd);
  stream.resume();
}

/** Writes a message that already has the gRPC header. It is not copied, so it must not change. */
export function writeDirectly(
  { stream }: GrpcInternals,
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
