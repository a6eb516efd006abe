import type { DeltaRequest } from '../core/request.ts';

/** Maximum length of a kept request, in bytes. An ACK without a node has about 100. */
const maxLength = 256;

/**
 * Remembers one ACK. Streams that get the same response share its nonce, so after a change, thousands of small clients
 * send ACKs with equal bytes. Only the first of them is decoded.
 */
export class RepeatedAck {
  readonly #buffer = Buffer.alloc(maxLength);
  #bytes = this.#buffer.subarray(0, 0);
  #request: DeltaRequest | undefined;

  /** Returns the kept request if it has the same bytes; otherwise `undefined`. */
  find(bytes: Buffer): DeltaRequest | undefined {
    if (this.#request === undefined || bytes.length !== this.#bytes.length) return undefined;
    return bytes.equals(this.#bytes) ? this.#request : undefined;
  }

  /**
   * Keeps a request with its bytes if other clients may send the same: it has no error, and changes no subscription.
   * Returns the request.
   */
  keep(bytes: Buffer, request: DeltaRequest): DeltaRequest {
    if (bytes.length > maxLength || request.error !== undefined || changesNames(request)) return request;
    this.#bytes = this.#buffer.subarray(0, bytes.length);
    this.#bytes.set(bytes);
    this.#request = request;
    return request;
  }
}

function changesNames({ subscribe, unsubscribe, initialVersions }: DeltaRequest): boolean {
  return subscribe.length + unsubscribe.length + initialVersions.size > 0;
}
