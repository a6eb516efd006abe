import { Client, Metadata, credentials } from '@grpc/grpc-js';
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { deltaRequests, deltaResponses, sotwRequests, sotwResponses } from './codec.ts';
import type { Codec, DeltaResponse, SotwResponse } from './codec.ts';

/** The gRPC status of a call. */
export interface CallEnd {
  readonly code: number;
  readonly details: string;
}

/** One stream of a client. Responses are read one by one. */
export interface ClientStream<Response> extends Disposable {
  send(request: object): void;
  /** Sends bytes that may be no valid request. */
  sendBytes(bytes: Uint8Array): void;
  /** Returns the next response. Rejects if the stream ends first. */
  next(): Promise<Response>;
  /** Number of responses that arrived, including those not read yet. */
  readonly received: number;
  /** Stops reading from the transport, until `resume`. */
  pause(): void;
  resume(): void;
  halfClose(): void;
  cancel(): void;
  readonly ended: Promise<CallEnd>;
}

/** A client with its own connection. */
export interface XdsClient extends Disposable {
  delta(path: string): ClientStream<DeltaResponse>;
  sotw(path: string): ClientStream<SotwResponse>;
  fetch(path: string, request: object): Promise<SotwResponse>;
  /** Makes a unary call with arbitrary bytes. */
  fetchBytes(path: string, bytes: Uint8Array): Promise<Uint8Array>;
}

/** Connects to `address`, by default in plain text. Streams have the metadata. */
export function createClient(
  address: string,
  options: Record<string, string | number> = {},
  channel = credentials.createInsecure(),
  metadata = new Metadata(),
): XdsClient {
  const client = new Client(address, channel, {
    'grpc.use_local_subchannel_pool': 1,
    ...options,
  });

  function fetchBytes(path: string, bytes: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, response = Buffer.alloc(0)): void =>
        error === null ? resolve(response) : reject(error);
      client.makeUnaryRequest(path, pass, pass, Buffer.from(bytes), done);
    });
  }

  return {
    delta: (path) =>
      stream(client.makeBidiStreamRequest(path, pass, pass, metadata), deltaRequests, deltaResponses),
    sotw: (path) =>
      stream(client.makeBidiStreamRequest(path, pass, pass, metadata), sotwRequests, sotwResponses),
    fetchBytes,
    fetch: async (path, request) =>
      sotwResponses.deserialize(Buffer.from(await fetchBytes(path, sotwRequests.serialize(request)))),
    [Symbol.dispose]: () => client.close(),
  };
}

function pass(bytes: Buffer): Buffer<ArrayBuffer> {
  return bytes as Buffer<ArrayBuffer>;
}

function stream<Response>(
  call: ClientDuplexStream<Buffer, Buffer>,
  requests: Codec<object>,
  responses: Codec<Response>,
): ClientStream<Response> {
  const untaken: Response[] = [];
  const takers: PromiseWithResolvers<Response>[] = [];
  const { promise: ended, resolve: end } = Promise.withResolvers<CallEnd>();
  let over: Error | undefined;
  let received = 0;

  call.on('status', ({ code, details }) => {
    over = new Error(`ended: ${code} ${details}`);
    for (const { reject } of takers.splice(0)) reject(over);
    end({ code, details });
  });
  call.on('error', () => undefined); // The status says it.
  call.on('data', (bytes: Buffer) => {
    received += 1;
    const response = responses.deserialize(bytes);
    const taker = takers.shift();
    if (taker === undefined) untaken.push(response);
    else taker.resolve(response);
  });

  return {
    send: (request) => void call.write(requests.serialize(request)),
    sendBytes: (bytes) => void call.write(Buffer.from(bytes)),
    next() {
      const response = untaken.shift();
      if (response !== undefined) return Promise.resolve(response);
      if (over !== undefined) return Promise.reject(over);
      const taker = Promise.withResolvers<Response>();
      takers.push(taker);
      return taker.promise;
    },
    get received() {
      return received;
    },
    pause: () => void call.pause(),
    resume: () => void call.resume(),
    halfClose: () => call.end(),
    cancel: () => call.cancel(),
    ended,
    [Symbol.dispose]: () => call.cancel(),
  };
}
