import type { Socket } from 'node:net';
import { ServerConnection } from '../http2/connection.ts';
import type { ConnectionHandler, ConnectionShared } from '../http2/connection.ts';

/** Bytes of the buffer that all sockets are read into. */
const readLength = 65_536;
/** Nothing more is read from a client that has this many bytes of output unsent: it must read first. */
const mostUnsent = 1_048_576;

/** Shared by all sockets: the bytes of a read are processed before the next read. */
const readBuffer = Buffer.allocUnsafeSlow(readLength);

/** The members of `net.Socket` by which `new Socket({ onread })` has it read into one buffer. */
interface ReadMembers {
  readonly buffer: symbol;
  readonly callback: symbol;
}

let readMembers: ReadMembers | 'unknown' | undefined;

/**
 * Serves HTTP/2 on a socket. All sockets are read into one shared buffer where Node.js lets an accepted socket do
 * that; its option `onread` is for sockets that connect. Elsewhere each read has a buffer of its own.
 */
export function attachSocket(
  socket: Socket,
  shared: ConnectionShared,
  handler: ConnectionHandler,
): ServerConnection {
  // Not by 'drain', which a socket does not emit for a short write that the kernel takes later.
  const written = (): void => {
    if (socket.writableLength > 0) return;
    connection.output.drained();
    if (socket.isPaused() && !connection.isClosed) socket.resume();
  };
  const connection: ServerConnection = new ServerConnection(
    shared,
    {
      write: (bytes) => {
        if (!socket.destroyed) socket.write(bytes, written);
      },
      get unsent() {
        return socket.writableLength;
      },
      end: () => {
        socket.end();
      },
    },
    handler,
  );
  const receive = (source: Buffer, length: number): void => {
    connection.receive(source, 0, length, performance.now());
    if (!connection.isClosed && socket.writableLength > mostUnsent) socket.pause();
  };
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  socket.on('close', () => connection.gone());
  if (!readIntoShared(socket, receive)) socket.on('data', (chunk: Buffer) => receive(chunk, chunk.length));
  return connection;
}

/** Has the socket read into the shared buffer. Returns false where its insides are not as they are known to be. */
function readIntoShared(socket: Socket, receive: (source: Buffer, length: number) => void): boolean {
  readMembers ??= findReadMembers(socket);
  const handle: unknown = Reflect.get(socket, '_handle');
  if (readMembers === 'unknown' || !hasUserBuffer(handle)) return false;
  Reflect.set(socket, readMembers.buffer, readBuffer);
  Reflect.set(socket, readMembers.callback, (length: number, source: Buffer) => {
    receive(source, length);
    return true;
  });
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
