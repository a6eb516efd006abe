import type { ClientSettings } from '../../src/http2/client-settings.ts';
import { defaultWindow, frameHeaderLength, frameType, writeFrameHeader } from '../../src/http2/frame.ts';
import { streamId } from './client-frames.ts';
import type { ClientSocket } from './h2-client.ts';
import type { Request } from './messages.ts';

/** Sends the body of a request in DATA frames, as the windows of the server allow it (RFC 9113, section 6.9). */
export class RequestBody {
  readonly #socket: ClientSocket;
  readonly #serverSettings: ClientSettings;
  #connectionWindow = defaultWindow;
  /** Negative if the server has reduced SETTINGS_INITIAL_WINDOW_SIZE below what it had received (section 6.9.2). */
  #streamWindow = defaultWindow;
  /** The parts of messages that wait to be sent, and their length in bytes. */
  readonly #queue: Buffer[] = [];
  #queued = 0;

  constructor(socket: ClientSocket, serverSettings: ClientSettings) {
    this.#socket = socket;
    this.#serverSettings = serverSettings;
  }

  /** Sends a message in parts. The first {@link frameHeaderLength} bytes are room for a frame header. */
  write(message: Request): void {
    const [first, ...others] = message;
    const length = first.length - frameHeaderLength;
    if (others.length === 0 && this.#queued === 0 && length <= this.#sendable) {
      this.#writeHeader(first, length);
      this.#socket.write(first);
      return;
    }
    this.#enqueue(first.subarray(frameHeaderLength));
    for (const part of others) this.#enqueue(part);
    this.#flush();
  }

  /** Adds to the window of the stream, or to that of the connection (stream 0). */
  widen(id: number, by: number): void {
    if (id === 0) this.#connectionWindow += by;
    else this.#streamWindow += by;
    if (this.#queued > 0) this.#flush();
  }

  /** The most bytes that the next frame may have. */
  get #sendable(): number {
    return Math.min(this.#serverSettings.maxFrameSize, this.#streamWindow, this.#connectionWindow);
  }

  #enqueue(part: Buffer): void {
    if (part.length === 0) return;
    this.#queue.push(part);
    this.#queued += part.length;
  }

  /** Sends as much as the windows allow, in frames that are as long as possible. */
  #flush(): void {
    this.#socket.cork();
    while (this.#queued > 0 && this.#sendable > 0) {
      const length = Math.min(this.#queued, this.#sendable);
      const header = Buffer.allocUnsafe(frameHeaderLength);
      this.#writeHeader(header, length);
      this.#socket.write(header);
      this.#writePayload(length);
    }
    this.#socket.uncork();
  }

  /** Writes the first bytes of the queue, without a copy. */
  #writePayload(length: number): void {
    this.#queued -= length;
    let left = length;
    for (let [part] = this.#queue; part !== undefined && left > 0; [part] = this.#queue) {
      this.#socket.write(part.subarray(0, left));
      if (part.length <= left) this.#queue.shift();
      else this.#queue[0] = part.subarray(left);
      left -= Math.min(left, part.length);
    }
  }

  #writeHeader(target: Buffer, length: number): void {
    this.#connectionWindow -= length;
    this.#streamWindow -= length;
    writeFrameHeader(target, 0, length, frameType.data, 0, streamId);
  }
}
