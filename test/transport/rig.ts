import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { Client, credentials } from '@grpc/grpc-js';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { GrpcServer } from '../../src/transport/grpc-server.ts';
import type { GrpcServerOptions } from '../../src/transport/grpc-server.ts';
import { poison } from '../kit/poison.ts';

const text = {
  serialize: (value: string): Buffer => Buffer.from(value),
  deserialize: (bytes: Buffer): string => bytes.toString(),
};

function method(name: string, requestStream: boolean, responseStream: boolean): ServiceDefinition[string] {
  return {
    path: `/test.Echo/${name}`,
    requestStream,
    responseStream,
    requestSerialize: text.serialize,
    requestDeserialize: text.deserialize,
    responseSerialize: text.serialize,
    responseDeserialize: text.deserialize,
  };
}

/** A service with a method of each kind. Messages are strings. */
export const echo = {
  unary: method('Unary', false, false),
  collect: method('Collect', true, false),
  repeat: method('Repeat', false, true),
  chat: method('Chat', true, true),
} satisfies ServiceDefinition;

/** A server on loopback with the echo service. */
export interface Rig extends Disposable {
  readonly server: GrpcServer;
  readonly port: number;
  /** Creates a grpc-js client, which is closed with the rig. */
  client(options?: Record<string, number | string>): Client;
  /** Opens a `node:http2` connection, which is closed with the rig. */
  session(): ClientHttp2Session;
}

export async function startRig(
  implementation: UntypedServiceImplementation,
  options: GrpcServerOptions = {},
  prepare: (socket: Socket) => void = () => undefined,
): Promise<Rig> {
  const server = new GrpcServer({ afterBufferUse: poison, ...options });
  const nothing = (): void => undefined;
  const all = { unary: nothing, collect: nothing, repeat: nothing, chat: nothing, ...implementation };
  server.addService(echo, all);
  const listener = createServer((socket) => {
    prepare(socket);
    server.attach(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  const open: (() => void)[] = [];
  return {
    server,
    port,
    client(clientOptions = {}) {
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), clientOptions);
      open.push(() => client.close());
      return client;
    },
    session() {
      const session = connect(`http://127.0.0.1:${port}`);
      session.on('error', nothing);
      open.push(() => session.destroy());
      return session;
    },
    [Symbol.dispose]() {
      for (const close of open) close();
      listener.close();
      server.forceShutdown();
    },
  };
}

/** Opens a call on a `node:http2` connection. */
export function openCall(
  session: ClientHttp2Session,
  path: string,
  more: OutgoingHttpHeaders = {},
): ClientHttp2Stream {
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  return session.request({ ...headers, ...more }).on('error', () => undefined);
}

/** Returns a message with its gRPC header. */
export function framed(message: string, flags = 0): Buffer {
  const header = Buffer.from([flags, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(message), 1);
  return Buffer.concat([header, Buffer.from(message)]);
}
