import type { DeltaRequest } from '../core/request.ts';

/** Maximum length of a kept request, in bytes. An ACK without a node has about 100. */
const maxLength = 256;

/**
 * Remembers the last ACK. All streams that get the same response share its nonce, so the ACKs of a change to thousands
 * of small clients are equal byte by byte, and one of them is decoded.
 */
export class RepeatedAck {
  readonly #buffer = Buffer.alloc(maxLength);
  #bytes = this.#buffer.subarray(0, 0);
  #request: DeltaRequest | undefined;

  /** Returns the request of equal bytes, if it was kept. */
  find(bytes: Buffer): DeltaRequest | undefined {
    if (this.#request === undefined || bytes.length !== this.#bytes.length) return undefined;
    return bytes.equals(this.#bytes) ? this.#request : undefined;
  }

  /** Keeps the request of these bytes if other clients may send it, too. Returns the request. */
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
