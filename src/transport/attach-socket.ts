import type { Socket } from 'node:net';
import { ServerConnection } from '../http2/connection.ts';
import type { ConnectionHandler, ConnectionShared } from '../http2/connection.ts';
import { SocketWire } from './socket-wire.ts';
import type { WireFollower } from './socket-wire.ts';

/** Length of the read buffer, in bytes. */
const readLength = 65_536;
/** While a client has more unsent output than this, in bytes, nothing is read from it. */
const maxUnsentBytes = 1_048_576;

/** All sockets share this buffer: the bytes of a read are processed before the next read. */
const readBuffer = Buffer.allocUnsafeSlow(readLength);

/** The private members of `net.Socket` that `new Socket({ onread })` sets to read into a buffer of the caller. */
interface ReadMembers {
  readonly buffer: symbol;
  readonly callback: symbol;
}

const ignore = (): void => undefined;

let readMembers: ReadMembers | 'unknown' | undefined;

/**
 * Serves HTTP/2 on a socket. All sockets are read into one shared buffer. Node.js has the option `onread` for that, but
 * only for sockets that connect; for accepted sockets, private members are set. If Node.js does not have them, each
 * read allocates a buffer.
 */
export function attachSocket(
  socket: Socket,
  shared: ConnectionShared,
  handler: ConnectionHandler & WireFollower,
): ServerConnection {
  const wire = new SocketWire(socket, handler);
  const connection = new ServerConnection(shared, wire, handler);
  wire.countFor(connection.output);
  socket.setNoDelay(true);
  // Otherwise Node.js ends each socket whose client has closed its side, although output may wait in the wire. The
  // connection closes it instead: without TLS, that also saves a system call and several turns of a stream.
  socket.allowHalfOpen = true;
  socket.on('error', ignore);
  const receive = (length: number, source: Buffer): boolean => {
    connection.receive(source, 0, length, performance.now());
    shared.pool.afterUse?.(source.subarray(0, length));
    // The handler resumes it when the client has taken the output.
    if (!connection.isClosed && wire.heldBytes > maxUnsentBytes) socket.pause();
    return true;
  };
  const emitsData = socket.readableLength > 0;
  // A socket that was accepted without a pause may have read bytes already. It emits them as `data`.
  if (!readIntoShared(socket, receive) || emitsData) {
    socket.on('data', (chunk: Buffer) => receive(chunk.length, chunk));
    // A socket that was accepted paused does not flow by itself.
    socket.resume();
  }
  return connection;
}

/** Makes the socket read into the shared buffer. Returns false if the socket lacks the private members. */
function readIntoShared(socket: Socket, receive: (length: number, source: Buffer) => boolean): boolean {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (!hasUserBuffer(handle)) return false;
  readMembers ??= findReadMembers(socket);
  if (readMembers === 'unknown') return false;
  Reflect.set(socket, readMembers.buffer, readBuffer);
  Reflect.set(socket, readMembers.callback, receive);
  handle.useUserBuffer(readBuffer);
  socket.resume();
  return true;
}

function findReadMembers(socket: Socket): ReadMembers | 'unknown' {
  const found = new Map<string | undefined, symbol>();
  for (
    let level: object | null = socket;
    level !== null;
    level = Object.getPrototypeOf(level) as object | null
  )
    for (const symbol of Object.getOwnPropertySymbols(level)) found.set(symbol.description, symbol);
  const [buffer, callback] = [found.get('kBuffer'), found.get('kBufferCb')];
  return buffer === undefined || callback === undefined ? 'unknown' : { buffer, callback };
}

function hasUserBuffer(handle: unknown): handle is { useUserBuffer(buffer: Buffer): void } {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    typeof Reflect.get(handle, 'useUserBuffer') === 'function'
  );
}
