import { once } from 'node:events';
import { connect } from 'node:http2';
import type { ClientHttp2Session, Settings } from 'node:http2';

/**
 * A client that reads nothing until it is asked to. It uses plain HTTP/2, because a paused gRPC client still
 * reads some messages.
 */
export interface SlowReader extends SlowStream, Disposable {
  /** Opens another stream on the same connection. */
  open(path: string): SlowStream;
  /** Bytes that a stream may send before it gets a window update. */
  window(): number | undefined;
  /** Destroys the connection. */
  destroy(): void;
}

/** One stream of the client. */
export interface SlowStream {
  /** Sends one gRPC message. */
  send(message: Uint8Array): void;
  /** Resolves with the headers of the response: the server has begun to write. */
  readonly started: Promise<unknown>;
  /** Starts reading and returns the messages. */
  read(): AsyncIterable<Buffer>;
  /** Resolves with the HTTP/2 error code when the stream has ended. */
  readonly ended: Promise<number>;
}

/** Connects with the given HTTP/2 settings, and opens a stream at `path`. */
export function createSlowReader(address: string, path: string, settings: Settings = {}): SlowReader {
  const session = connect(`http://${address}`, { settings });
  session.on('error', () => undefined);
  return {
    ...openStream(session, path),
    open: (other) => openStream(session, other),
    window: () => session.remoteSettings.initialWindowSize,
    destroy: () => session.destroy(),
    [Symbol.dispose]: () => session.destroy(),
  };
}

function openStream(session: ClientHttp2Session, path: string): SlowStream {
  const call = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  call.on('error', () => undefined);
  return {
    send(message) {
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      call.write(Buffer.concat([head, message]));
    },
    started: once(call, 'response'),
    async *read() {
      let buffered = Buffer.alloc(0);
      for await (const chunk of call as AsyncIterable<Buffer>) {
        buffered = Buffer.concat([buffered, chunk]);
        while (buffered.length >= 5 && buffered.length >= 5 + buffered.readUInt32BE(1)) {
          const end = 5 + buffered.readUInt32BE(1);
          yield buffered.subarray(5, end);
          buffered = buffered.subarray(end);
        }
      }
    },
    ended: new Promise((resolve) => call.once('close', () => resolve(call.rstCode))),
  };
}
