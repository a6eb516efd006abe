import type { ClientSettings } from '../../src/http2/client-settings.ts';
import { defaultWindow, frameHeaderLength, frameType, writeFrameHeader } from '../../src/http2/frame.ts';
import { streamId } from './client-frames.ts';
import type { ClientSocket } from './h2-client.ts';

/** Sends the body of a request in DATA frames, as the windows of the server allow it (RFC 9113, section 6.9). */
export class RequestBody {
  readonly #socket: ClientSocket;
  readonly #serverSettings: ClientSettings;
  #connectionWindow = defaultWindow;
  /** Negative if the server has reduced SETTINGS_INITIAL_WINDOW_SIZE below what it had received (section 6.9.2). */
  #streamWindow = defaultWindow;
  /** Bytes that wait for the windows. */
  readonly #queue: Buffer[] = [];

  constructor(socket: ClientSocket, serverSettings: ClientSettings) {
    this.#socket = socket;
    this.#serverSettings = serverSettings;
  }

  /** Sends bytes. The first {@link frameHeaderLength} of them are room for a frame header. */
  write(bytes: Buffer): void {
    const length = bytes.length - frameHeaderLength;
    if (this.#queue.length === 0 && length <= this.#sendable) {
      this.#writeHeader(bytes, length);
      this.#socket.write(bytes);
      return;
    }
    this.#queue.push(bytes.subarray(frameHeaderLength));
    this.#flush();
  }

  /** Adds to the window of the stream, or to that of the connection (stream 0). */
  widen(id: number, by: number): void {
    if (id === 0) this.#connectionWindow += by;
    else this.#streamWindow += by;
    if (this.#queue.length > 0) this.#flush();
  }

  /** The most bytes that the next frame may have. */
  get #sendable(): number {
    return Math.min(this.#serverSettings.maxFrameSize, this.#streamWindow, this.#connectionWindow);
  }

  #flush(): void {
    this.#socket.cork();
    for (let [first] = this.#queue; first !== undefined && this.#sendable > 0; [first] = this.#queue) {
      const length = Math.min(first.length, this.#sendable);
      const header = Buffer.allocUnsafe(frameHeaderLength);
      this.#writeHeader(header, length);
      this.#socket.write(header);
      this.#socket.write(first.subarray(0, length));
      if (length < first.length) this.#queue[0] = first.subarray(length);
      else this.#queue.shift();
    }
    this.#socket.uncork();
  }

  #writeHeader(target: Buffer, length: number): void {
    this.#connectionWindow -= length;
    this.#streamWindow -= length;
    writeFrameHeader(target, 0, length, frameType.data, 0, streamId);
  }
}
