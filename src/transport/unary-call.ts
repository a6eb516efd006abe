import type { CallHandler } from './call-request.ts';
import type { GrpcCall } from './grpc-call.ts';
import { frameOfMessage } from './message-frames.ts';
import { grpcStatus } from './status.ts';
import type { GrpcStatus } from './status.ts';

/** The end of a call with one response: the response, or a status other than OK. */
export type UnaryReply =
  | { readonly kind: 'response'; readonly bytes: Uint8Array }
  | { readonly kind: 'status'; readonly status: GrpcStatus };

/**
 * Answers a request, at once or later. The bytes of a response may be sent again, so they must not change. Called when
 * the request is complete.
 */
export type UnaryHandler = (request: Buffer, call: GrpcCall) => UnaryReply | Promise<UnaryReply>;

export const notOneRequest: GrpcStatus = {
  code: grpcStatus.UNIMPLEMENTED,
  message: 'the method takes one request',
};

const ok: GrpcStatus = { code: grpcStatus.OK, message: '' };

/** Serves a call with one request and one response, as bytes: without the call object of grpc-js and its events. */
export class UnaryCall implements CallHandler {
  readonly #call: GrpcCall;
  readonly #handler: UnaryHandler;
  #request: Buffer | undefined;

  constructor(call: GrpcCall, handler: UnaryHandler) {
    this.#call = call;
    this.#handler = handler;
  }

  get unreadBytes(): number {
    return this.#request?.length ?? 0;
  }

  message(bytes: Buffer): void {
    if (this.#request === undefined) this.#request = Buffer.from(bytes);
    else this.#call.end(notOneRequest);
  }

  halfClosed(): void {
    const request = this.#request;
    if (request === undefined) return this.#call.end(notOneRequest);
    let reply: UnaryReply | Promise<UnaryReply>;
    try {
      reply = this.#handler(request, this.#call);
    } catch (error) {
      return this.#failed(error);
    }
    if (!(reply instanceof Promise)) return this.#answer(reply);
    // The answer, too, fails for a value that is no reply.
    reply.then((settled) => this.#answer(settled)).catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#call.end({ code: grpcStatus.UNKNOWN, message });
  }

  #answer(reply: UnaryReply): void {
    if (reply.kind === 'status') return this.#call.end(reply.status);
    this.#call.sendData(frameOfMessage(reply.bytes));
    this.#call.end(ok);
  }

  aborted(): void {
    this.#request = undefined;
  }
}
