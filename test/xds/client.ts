import { Client, credentials } from '@grpc/grpc-js';
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { loadPackageDefinition } from '../../src/xds/index.ts';

const definition = loadPackageDefinition();

interface Codec {
  serialize(value: object): Buffer;
  deserialize(bytes: Buffer): object;
}

function message(name: string): Codec {
  return definition[name] as unknown as MessageTypeDefinition<object, object>;
}

const codecs = {
  delta: {
    request: message('envoy.service.discovery.v3.DeltaDiscoveryRequest'),
    response: message('envoy.service.discovery.v3.DeltaDiscoveryResponse'),
  },
  sotw: {
    request: message('envoy.service.discovery.v3.DiscoveryRequest'),
    response: message('envoy.service.discovery.v3.DiscoveryResponse'),
  },
};

export interface AnyMessage {
  readonly type_url: string;
  readonly value: Buffer;
}

export interface DeltaResponse {
  readonly system_version_info: string;
  readonly resources: readonly {
    readonly name: string;
    readonly version: string;
    readonly resource: AnyMessage;
  }[];
  readonly removed_resources: readonly string[];
  readonly type_url: string;
  readonly nonce: string;
  readonly control_plane: { readonly identifier: string } | null;
}

export interface SotwResponse {
  readonly version_info: string;
  readonly resources: readonly AnyMessage[];
  readonly type_url: string;
  readonly nonce: string;
  readonly control_plane: { readonly identifier: string } | null;
}

/** How a call ended: a gRPC status. */
export interface CallEnd {
  readonly code: number;
  readonly details: string;
}

/** One stream of a client; responses are taken one by one. */
export interface ClientStream<Response> extends Disposable {
  send(request: object): void;
  /** Sends bytes that need not be a request. */
  sendBytes(bytes: Uint8Array): void;
  /** The next response; rejects when the stream ends first. */
  next(): Promise<Response>;
  /** Responses that came and were not taken. */
  readonly pending: number;
  /** Stops and resumes reading from the transport. */
  pause(): void;
  resume(): void;
  halfClose(): void;
  cancel(): void;
  readonly ended: Promise<CallEnd>;
}

/** A client of its own connection. */
export interface XdsClient extends Disposable {
  delta(path: string): ClientStream<DeltaResponse>;
  sotw(path: string): ClientStream<SotwResponse>;
  fetch(path: string, request: object): Promise<SotwResponse>;
}

let connections = 0;

/** Connects to `address`; each client has a connection of its own. */
export function createClient(address: string, options: Record<string, string | number> = {}): XdsClient {
  connections += 1;
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.client_idle_timeout_ms': 0x7fffffff,
    'test.connection': connections,
    ...options,
  });
  const pass = (bytes: Buffer): Buffer => bytes;

  function stream<Response>(
    path: string,
    codec: { request: Codec; response: Codec },
  ): ClientStream<Response> {
    const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(path, pass, pass);
    const responses: Response[] = [];
    const waiting: { resolve: (response: Response) => void; reject: (error: Error) => void }[] = [];
    let end: CallEnd | undefined;
    const ended = new Promise<CallEnd>((resolve) => {
      call.on('status', ({ code, details }) => {
        end = { code, details };
        for (const { reject } of waiting.splice(0)) reject(new Error(`ended: ${code} ${details}`));
        resolve(end);
      });
    });
    call.on('error', () => undefined);
    call.on('data', (bytes: Buffer) => {
      const response = codec.response.deserialize(bytes) as Response;
      const taker = waiting.shift();
      if (taker === undefined) responses.push(response);
      else taker.resolve(response);
    });
    return {
      send: (request) => void call.write(codec.request.serialize(request)),
      sendBytes: (bytes) => void call.write(Buffer.from(bytes)),
      next() {
        const response = responses.shift();
        if (response !== undefined) return Promise.resolve(response);
        if (end !== undefined) return Promise.reject(new Error(`ended: ${end.code} ${end.details}`));
        return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
      },
      get pending() {
        return responses.length;
      },
      pause: () => void call.pause(),
      resume: () => void call.resume(),
      halfClose: () => void call.end(),
      cancel: () => call.cancel(),
      ended,
      [Symbol.dispose]: () => call.cancel(),
    };
  }

  return {
    delta: (path) => stream<DeltaResponse>(path, codecs.delta),
    sotw: (path) => stream<SotwResponse>(path, codecs.sotw),
    fetch: (path, request) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          path,
          pass,
          pass,
          codecs.sotw.request.serialize(request),
          (error: ServiceError | null, bytes?: Buffer) => {
            if (error !== null) reject(error);
            else resolve(codecs.sotw.response.deserialize(bytes ?? Buffer.alloc(0)) as SotwResponse);
          },
        );
      }),
    [Symbol.dispose]: () => client.close(),
  };
}
