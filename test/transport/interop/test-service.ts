import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Metadata, loadPackageDefinition } from '@grpc/grpc-js';
import type {
  GrpcObject,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceClientConstructor,
  ServiceDefinition,
  StatusObject,
  sendUnaryData,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

interface Payload {
  readonly body: Buffer;
}

interface EchoStatus {
  readonly code: number;
  readonly message: string;
}

interface SimpleRequest {
  readonly responseSize: number;
  readonly responseStatus: EchoStatus | null;
  readonly fillServerId: boolean;
}

interface OutputRequest {
  readonly responseParameters: readonly { readonly size: number; readonly intervalUs: number }[];
  readonly responseStatus: EchoStatus | null;
}

interface InputRequest {
  readonly payload: Payload | null;
}

interface Response {
  readonly payload: Payload;
  readonly serverId?: string;
}

/** The metadata keys that the test `custom_metadata` wants back. */
const initialKey = 'x-grpc-test-echo-initial';
const trailingKey = 'x-grpc-test-echo-trailing-bin';

const file = fileURLToPath(new URL('test-service.proto', import.meta.url));
const testing = loadPackageDefinition(loadSync(file, { defaults: true }))['grpc'] as GrpcObject;
const { TestService } = testing['testing'] as { readonly TestService: ServiceClientConstructor };

/** The definition of `grpc.testing.TestService`. */
export const definition: ServiceDefinition = TestService.service;

/** Handlers in the style of grpc-js, as the descriptions of the interop tests define them. */
export const implementation = {
  emptyCall(call: ServerUnaryCall<object, object>, respond: sendUnaryData<object>): void {
    echoInitial(call);
    respond(null, {}, trailersOf(call));
  },

  unaryCall(call: ServerUnaryCall<SimpleRequest, Response>, respond: sendUnaryData<Response>): void {
    echoInitial(call);
    const { responseSize, responseStatus, fillServerId } = call.request;
    const status = errorOf(responseStatus, call);
    if (status !== undefined) return respond(status);
    const response = { ...payloadOf(responseSize), serverId: fillServerId ? 'one' : '' };
    respond(null, response, trailersOf(call));
  },

  streamingInputCall(call: ServerReadableStream<InputRequest, object>, respond: sendUnaryData<object>): void {
    let size = 0;
    call.on('data', ({ payload }: InputRequest) => (size += payload?.body.length ?? 0));
    call.on('end', () => respond(null, { aggregatedPayloadSize: size }));
  },

  async streamingOutputCall(call: ServerWritableStream<OutputRequest, Response>): Promise<void> {
    await sendAll(call, call.request);
    call.end();
  },

  fullDuplexCall(call: ServerDuplexStream<OutputRequest, Response>): void {
    echoInitial(call);
    let sent = Promise.resolve();
    let failed = false;
    call.on('data', (request: OutputRequest) => {
      sent = sent.then(async () => {
        const status = errorOf(request.responseStatus, call);
        failed ||= status !== undefined;
        if (status === undefined) await sendAll(call, request);
        else call.emit('error', status);
      });
    });
    call.on('end', () => {
      void sent.then(() => {
        if (!failed) call.end(trailersOf(call));
      });
    });
  },
};

/** Sends the responses that the request describes, each after its interval. */
async function sendAll(
  call: { write(response: Response): unknown; readonly cancelled: boolean },
  { responseParameters }: OutputRequest,
): Promise<void> {
  for (const { size, intervalUs } of responseParameters) {
    if (intervalUs > 0) await delay(intervalUs / 1000);
    if (call.cancelled) return;
    call.write(payloadOf(size));
  }
}

function payloadOf(size: number): Response {
  return { payload: { body: Buffer.alloc(size) } };
}

function echoInitial(call: { readonly metadata: Metadata; sendMetadata(metadata: Metadata): void }): void {
  const echo = new Metadata();
  for (const value of call.metadata.get(initialKey)) echo.add(initialKey, value);
  call.sendMetadata(echo);
}

function trailersOf({ metadata }: { readonly metadata: Metadata }): Metadata {
  const trailers = new Metadata();
  for (const value of metadata.get(trailingKey)) trailers.add(trailingKey, value);
  return trailers;
}

function errorOf(status: EchoStatus | null, call: { readonly metadata: Metadata }): StatusObject | undefined {
  if (status === null || status.code === 0) return undefined;
  return { code: status.code, details: status.message, metadata: trailersOf(call) };
}
