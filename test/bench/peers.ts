import { once } from 'node:events';
import { createSecureServer, createServer } from 'node:http2';
import type { Http2Server, Http2Session, ServerHttp2Stream, Settings } from 'node:http2';
import { createServer as createListener } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { ResponseMessages } from '../../bench/fanout/response-messages.ts';
import { GrpcServer } from '../../src/transport/grpc-server.ts';
import type { GrpcCall } from '../../src/transport/grpc-call.ts';
import type { ConnectionLimits } from '../../src/http2/limits.ts';
import { poison } from '../kit/poison.ts';

export const path = '/test.Discovery/Stream';

/** A server of one connection, which the test controls. */
export interface Peer extends AsyncDisposable {
  readonly address: string;
  /** Returns the next request, without its gRPC header. */
  request(): Promise<Buffer>;
  /** Sends bytes of the response. */
  send(bytes: Buffer): void;
  /** Ends the stream with a status. */
  end(status: number): void;
  /** Closes the connection. */
  cut(): void;
  /** Resolves once the server has got the acknowledgement of a PING. */
  ping(): Promise<void>;
}

/** Requests that have arrived, and those that a test waits for. */
class Requests {
  readonly #arrived: Buffer[] = [];
  readonly #waiting: ((request: Buffer) => void)[] = [];

  add(request: Buffer): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#arrived.push(request);
    else next(request);
  }

  next(): Promise<Buffer> {
    const request = this.#arrived.shift();
    if (request !== undefined) return Promise.resolve(request);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** Starts a server of `node:http2`. */
export async function startNodePeer(settings: Settings = {}, tls?: TlsOptions): Promise<Peer> {
  const server: Http2Server =
    tls === undefined ? createServer({ settings }) : createSecureServer({ ...tls, settings });
  const requests = new Requests();
  let session: Http2Session | undefined;
  let stream: ServerHttp2Stream | undefined;
  let status = 0;
  server.on('session', (opened: Http2Session) => {
    session = opened;
    opened.on('error', () => undefined);
  });
  server.on('stream', (opened: ServerHttp2Stream) => {
    stream = opened;
    opened.on('error', () => undefined);
    const messages = new ResponseMessages((source, from, to) =>
      requests.add(Buffer.from(source.subarray(from, to))),
    );
    opened.on('data', (bytes: Buffer) => messages.read(bytes, 0, bytes.length));
    opened.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    opened.on('wantTrailers', () => opened.sendTrailers({ 'grpc-status': String(status) }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    request: () => requests.next(),
    send: (bytes) => void stream?.write(bytes),
    end(code) {
      status = code;
      stream?.end();
    },
    cut: () => session?.destroy(),
    ping: () =>
      new Promise((resolve, reject) => {
        session?.ping((error: Error | null) => (error === null ? resolve() : reject(error)));
      }),
    async [Symbol.asyncDispose]() {
      session?.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

/** Starts the server of the project. It sends only whole messages with their gRPC header. */
export async function startOwnPeer(
  limits: Partial<ConnectionLimits> = {},
): Promise<Peer & { readonly call: () => GrpcCall | undefined }> {
  const server = new GrpcServer({ limits, afterBufferUse: poison });
  const requests = new Requests();
  let call: GrpcCall | undefined;
  let socket: Socket | undefined;
  server.addStream(path, (opened) => {
    call = opened;
    opened.handleWith({
      message: (bytes) => requests.add(Buffer.from(bytes)),
      halfClosed: () => undefined,
      aborted: () => undefined,
    });
  });
  const listener = createListener((accepted) => {
    socket = accepted;
    server.attach(accepted);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    address: `127.0.0.1:${(listener.address() as AddressInfo).port}`,
    call: () => call,
    request: () => requests.next(),
    send: (bytes) => call?.send({ framed: bytes }),
    end: (code) => call?.end({ code, message: '' }),
    cut: () => void socket?.destroy(),
    ping: () => Promise.resolve(),
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
      const closed = once(listener, 'close');
      listener.close();
      await closed;
    },
  };
}
