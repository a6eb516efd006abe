import { loadSync } from '@grpc/proto-loader';
import { Client, Metadata, credentials } from '@grpc/grpc-js';
import type { ChannelCredentials, ClientWritableStream } from '@grpc/grpc-js';
import { protoOptions } from '../../src/xds/index.ts';

/** The method, with its serializers. */
const { StreamAccessLogs: method } = loadSync('envoy/service/accesslog/v3/als.proto', protoOptions)[
  'envoy.service.accesslog.v3.AccessLogService'
] as unknown as {
  readonly StreamAccessLogs: {
    readonly path: string;
    requestSerialize(value: object): Buffer;
    requestDeserialize(bytes: Buffer): object;
    responseDeserialize(bytes: Buffer): object;
  };
};

/** A `StreamAccessLogsMessage` as an object. */
export type LogMessageObject = Readonly<Record<string, unknown>>;

/** Encodes a message. */
export function encodeLogMessage(message: LogMessageObject): Buffer {
  return method.requestSerialize(message);
}

/** Decodes a message with the complete decoder. Throws as it does. */
export function decodeLogMessage(bytes: Buffer): LogMessageObject {
  return method.requestDeserialize(bytes) as LogMessageObject;
}

/** Returns an entry with tags. */
export function entryOf(tags: Readonly<Record<string, string>>): LogMessageObject {
  return { common_properties: { custom_tags: tags } };
}

/** Returns an identifier of a node. */
export function identifierOf(id: string, mesh?: string): LogMessageObject {
  const metadata = mesh === undefined ? {} : { fields: { mesh: { stringValue: mesh } } };
  return { node: { id, metadata }, log_name: 'issuers' };
}

/** A stream of access logs, as an Envoy opens it. */
export interface LogStreamClient extends Disposable {
  readonly send: (message: LogMessageObject) => void;
  /** Sends bytes as a message. */
  readonly sendBytes: (bytes: Buffer) => void;
  readonly end: () => void;
  /** Settles with the status of the call: 0 if the server accepted all of it. */
  readonly status: Promise<{ readonly code: number; readonly message: string }>;
}

/** Opens a stream of access logs. */
export function openLogStream(
  address: string,
  {
    channel = credentials.createInsecure(),
    metadata = new Metadata(),
  }: { readonly channel?: ChannelCredentials; readonly metadata?: Metadata } = {},
): LogStreamClient {
  const client = new Client(address, channel);
  const { promise, resolve } = Promise.withResolvers<{ code: number; message: string }>();
  const stream: ClientWritableStream<Buffer> = client.makeClientStreamRequest(
    method.path,
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => method.responseDeserialize(bytes),
    metadata,
    (error: { code: number; details: string } | null) =>
      resolve(error === null ? { code: 0, message: '' } : { code: error.code, message: error.details }),
  );
  stream.on('error', () => undefined);
  return {
    send: (message) => void stream.write(encodeLogMessage(message)),
    sendBytes: (bytes) => void stream.write(bytes),
    end: () => void stream.end(),
    status: promise,
    [Symbol.dispose]: () => {
      stream.cancel();
      client.close();
    },
  };
}
