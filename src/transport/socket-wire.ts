import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { exactCopy } from '../http2/output.ts';
import type { Output, Wire } from '../http2/output.ts';
import { holdOverhead } from '../http2/output-budget.ts';
import type { SharedData } from '../http2/shared-data.ts';

/**
 * Number of bytes that are written at once. A longer write shows no progress before the kernel has accepted all of it:
 * a slow client would look like one that reads nothing.
 */
const maxWritten = 262_144;
/**
 * The same for TLS, which encrypts all bytes of a write at once: each connection then holds a copy of them, also of
 * shared data. The second number is for a server that holds much output.
 */
const maxEncrypted = 131_072;
const maxEncryptedIfTight = 8_192;

const noBytes = Buffer.alloc(0);
const none: readonly PendingWrite[] = [];

/** A write that waits, or that the kernel has not accepted. */
interface PendingWrite {
  readonly bytes: Buffer;
  readonly shared: SharedData | undefined;
  /** Memory that only this connection uses for it. */
  readonly memory: number;
}

/** Called when the kernel has accepted a write, or the write has failed. */
type WriteCallback = (error?: Error | null) => void;

/** Follows whether the kernel accepts the output of a wire. */
export interface WireFollower {
  /** Output waits for the kernel to accept it. Called within `write`; with TLS, for each write. */
  outputWaits(): void;
  /** The kernel has accepted all output. Not called within `write`. */
  outputTaken(): void;
}

/**
 * Writes the output of a connection to its socket. The kernel nearly always accepts it at once. If it does not, further
 * output waits here: so it is known what each connection holds, and when it is released.
 */
// A class, because each connection has one. With closures, each would have its own copy of every function.
export class SocketWire implements Wire {
  readonly #socket: Socket;
  readonly #follower: WireFollower;
  /** Always with a callback: TLS accepts a write later, as a rule. */
  readonly #isTls: boolean;
  /** Counts what is held. Set once the connection exists. */
  #output: Output | undefined;
  /** True from a write that the kernel has not accepted until its callback. */
  #isWriting = false;
  #written: WriteCallback | undefined;
  /** The writes whose bytes the socket holds. */
  #held: readonly PendingWrite[] = none;
  /** Bytes of these that TLS has encrypted. */
  #encrypted = 0;
  /** The writes after these. */
  #queue: PendingWrite[] = [];
  #queuedBytes = 0;
  #ends = false;

  constructor(socket: Socket, follower: WireFollower) {
    this.#socket = socket;
    this.#follower = follower;
    this.#isTls = socket instanceof TLSSocket;
  }

  /** Counts the bytes that wait in the account of an output. */
  countFor(output: Output): void {
    this.#output = output;
  }

  get copies(): boolean {
    return this.#isTls;
  }

  get unsent(): number {
    return this.#socket.writableLength + this.#queuedBytes;
  }

  /** Memory for the bytes that wait, with that of each write. */
  get heldBytes(): number {
    return this.unsent + (this.#held.length + this.#queue.length) * holdOverhead;
  }

  write(bytes: Buffer, shared?: SharedData, isReused = false): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    if (this.#isWriting) return this.#enqueue(bytes, shared, isReused);
    if (this.#isTls) {
      this.#enqueue(bytes, shared, isReused);
      return this.#writeQueue();
    }
    const kept = shared === undefined && this.#isTight ? exactCopy(bytes) : bytes;
    if (kept.length > maxWritten) return this.#writeParts(kept, shared);
    // For a write with a callback, Node.js schedules a call even if the kernel accepts the bytes at once.
    socket.write(kept);
    if (socket.writableLength === 0) return;
    this.#await([this.#hold(kept, shared)]);
  }

  /** Writes long output. What follows a part that the kernel does not accept at once waits in the queue. */
  #writeParts(bytes: Buffer, shared: SharedData | undefined): void {
    for (let at = 0; at < bytes.length && !this.#isWriting; at += maxWritten) {
      const part = bytes.subarray(at, at + maxWritten);
      this.#socket.write(part);
      if (this.#socket.writableLength === 0) continue;
      const rest = bytes.subarray(at + maxWritten);
      if (rest.length === 0) return this.#await([this.#hold(part, shared)]);
      this.#queue.push(this.#hold(rest, shared));
      this.#queuedBytes += rest.length;
      this.#await([this.#holdStart(part)]);
    }
  }

  end(): void {
    if (this.#isWriting) this.#ends = true;
    else this.#socket.end();
  }

  get #isTight(): boolean {
    return this.#output?.account.isTight === true;
  }

  #enqueue(bytes: Buffer, shared: SharedData | undefined, isReused: boolean): void {
    // A part of a buffer would keep all of it.
    const isPart = shared === undefined && bytes.buffer.byteLength > bytes.length;
    // Other clients' bytes will be in a buffer that is used again, also if these bytes are all of it now.
    this.#queue.push(this.#hold(isReused || isPart ? exactCopy(bytes) : bytes, shared));
    this.#queuedBytes += bytes.length;
  }

  /** Writes the queue. What the kernel has not accepted then is awaited. */
  #writeQueue(): void {
    while (this.#queue.length > 0 && !this.#isWriting) {
      if (this.#isTls) this.#writeEncrypted();
      else this.#writePlain();
    }
  }

  #writePlain(): void {
    const socket = this.#socket;
    this.#splitFirst(maxWritten);
    const batch = this.#takeBatch(maxWritten);
    socket.cork();
    for (const { bytes } of batch) socket.write(bytes);
    socket.uncork();
    if (socket.writableLength > 0) this.#await(batch);
    else for (const pending of batch) this.#release(pending);
  }

  #writeEncrypted(): void {
    const socket = this.#socket;
    const limit = this.#isTight ? maxEncryptedIfTight : maxEncrypted;
    this.#splitFirst(limit);
    const batch = this.#takeBatch(limit);
    this.#encrypted = batch.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#output?.account.holdBytes(this.#encrypted);
    this.#isWriting = true;
    this.#held = batch;
    const last = batch.at(-1);
    if (batch.length > 1) socket.cork();
    // The callback of the last write follows all writes before it.
    for (const pending of batch)
      socket.write(pending.bytes, pending === last ? this.#whenWritten() : undefined);
    if (batch.length > 1) socket.uncork();
  }

  /** Splits the first write of the queue, if it is longer than the limit. */
  #splitFirst(limit: number): void {
    const [first] = this.#queue;
    if (first === undefined || first.bytes.length <= limit) return;
    const { bytes, shared, memory } = first;
    const start = this.#holdStart(bytes.subarray(0, limit));
    this.#queue.splice(0, 1, start, { bytes: bytes.subarray(limit), shared, memory });
  }

  /** Counts the start of a write, whose rest keeps the memory of both. */
  #holdStart(bytes: Buffer): PendingWrite {
    this.#output?.account.holdBytes(holdOverhead);
    return { bytes, shared: undefined, memory: holdOverhead };
  }

  /** Takes the first writes of the queue, up to a number of bytes. The first one must not be longer. */
  #takeBatch(limit: number): PendingWrite[] {
    let [count, length] = [0, 0];
    for (const { bytes } of this.#queue) {
      if (count > 0 && length + bytes.length > limit) break;
      length += bytes.length;
      count += 1;
    }
    this.#queuedBytes -= length;
    return this.#queue.splice(0, count);
  }

  #await(batch: PendingWrite[]): void {
    this.#isWriting = true;
    this.#held = batch;
    // An empty write calls back after all writes before it. Not the event 'drain': a socket does not emit it for a
    // short write that the kernel accepts later.
    this.#socket.write(noBytes, this.#whenWritten());
  }

  #whenWritten(): WriteCallback {
    return (this.#written ??= (error) => {
      // Node.js calls back before it destroys the socket. Nothing is released: the end of the connection does that.
      if ((error !== undefined && error !== null) || this.#socket.destroyed) return;
      this.#isWriting = false;
      for (const pending of this.#held) this.#release(pending);
      this.#held = none;
      this.#output?.account.holdBytes(-this.#encrypted);
      this.#encrypted = 0;
      this.#writeQueue();
      if (this.#isWriting) return;
      if (this.#ends) this.#socket.end();
      else this.#follower.outputTaken();
    });
  }

  #hold(bytes: Buffer, shared: SharedData | undefined): PendingWrite {
    this.#follower.outputWaits();
    // A part of a buffer keeps all of it.
    const memory = shared === undefined ? bytes.buffer.byteLength + holdOverhead : 0;
    if (shared === undefined) this.#output?.account.holdBytes(memory);
    else this.#output?.account.hold(shared);
    return { bytes, shared, memory };
  }

  #release({ shared, memory }: PendingWrite): void {
    if (shared !== undefined) this.#output?.account.release(shared);
    this.#output?.account.holdBytes(-memory);
  }
}
