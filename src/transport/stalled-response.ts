import type { ServerStream } from '../http2/stream.ts';

/** Bytes of a waiting response that a client has to accept within the time limit. */
const leastProgress = 16_384;

/** Notices a response that waits for the client's window without progress. */
export class StalledResponse {
  #since = 0;
  /** Bytes that had been sent at that time; `undefined` while no response waits. */
  #sent: number | undefined;

  /** True if the client has accepted less than 16 KiB of a response for `limitMs`. Must be called periodically. */
  check({ waitingBytes, resumedBytes }: ServerStream, now: number, limitMs: number): boolean {
    if (waitingBytes === 0) {
      this.#sent = undefined;
      return false;
    }
    if (this.#sent !== undefined && resumedBytes - this.#sent < leastProgress)
      return now - this.#since > limitMs;
    this.#sent = resumedBytes;
    this.#since = now;
    return false;
  }
}
