import type { OutputAccount } from './output-budget.ts';
import { bufferLength } from './output-pool.ts';
import type { OutputPool, PooledOutput } from './output-pool.ts';
import { SharedData } from './shared-data.ts';

/** Writes the bytes of a connection, to a socket. */
export interface Wire {
  /**
   * Writes bytes. `shared` is the data that they belong to, if other connections may write them, too. With `isReused`,
   * they are of the buffer that all connections share: the caller uses it again at once if the wire `copies`, or if
   * `unsent` is 0 after the write. All other bytes never change.
   */
  write(bytes: Buffer, shared?: SharedData, isReused?: boolean): void;
  /** True if `write` keeps no bytes of a buffer that is used again, but copies them. */
  readonly copies?: boolean;
  /** Number of written bytes that the kernel has not accepted. */
  readonly unsent: number;
  /** Ends the connection after all written bytes. */
  end(): void;
}

/** Up to this length, bytes are copied into the shared buffer. Longer ones are written directly. */
const maxCopied = 32_768;
/** The same for shared data while much output waits: a copy would be held for each connection. */
const maxCopiedIfTight = 1024;
/** Number of writes in a tick after which a handler should wait, as for a stream of objects in Node.js. */
const mostWrites = 16;

/**
 * Receives a notification when output was sent. An interface instead of a function, so that a stream needs no closure.
 */
export interface SentListener {
  /** The kernel has accepted the output. */
  sent(): void;
}

/** The connection of an output. */
export interface OutputOwner {
  /** A listener of `whenSent` threw an error. */
  fail(error: unknown): void;
  /** The client has not taken its output, and the memory for it is used up. The connection must be destroyed. */
  outputExceeded(): void;
  /** Number of open streams. */
  readonly streamCount: number;
}

/** Output that waits for the end of the tick: bytes, or data on a stream. */
interface Waiting {
  readonly sent: Buffer | SharedData;
  readonly streamId: number;
}

/** The output of one connection. */
export class Output implements PooledOutput {
  readonly #pool: OutputPool;
  readonly #wire: Wire;
  readonly #owner: OutputOwner;
  /** The output between reads. It is mostly one frame, so a list is created only for further ones. */
  #first: Buffer | SharedData | undefined;
  /** The stream of the first, if it is data. */
  #firstId = 0;
  #others: Waiting[] | undefined;
  /** Notified when the kernel has accepted all earlier output. It is mostly one, as for the frames. */
  #listener: SentListener | undefined;
  #otherListeners: SentListener[] | undefined;
  #closed = false;
  /** Position of the bytes of the last `reserve` in its buffer. */
  at = 0;
  /** Counts the output that the client has not taken. */
  readonly account: OutputAccount;

  constructor(pool: OutputPool, wire: Wire, owner: OutputOwner) {
    this.#pool = pool;
    this.#wire = wire;
    this.#owner = owner;
    this.account = pool.budget.open(owner);
  }

  /** Bytes that the kernel has not accepted. */
  get unsent(): number {
    return this.#wire.unsent;
  }

  /** True if a handler should wait: the kernel has not accepted all output, or many writes wait for the tick's end. */
  get isBackedUp(): boolean {
    return this.unsent > 0 || (this.#others !== undefined && this.#others.length >= mostWrites);
  }

  /** True if several streams write to it. */
  get isShared(): boolean {
    return this.#owner.streamCount > 1;
  }

  /** Begins a section: until `end`, all output is collected in the shared buffer. */
  begin(): void {
    const pool = this.#pool;
    pool.owner?.end();
    pool.owner = this;
    // What waits comes first. Its listeners are notified at the end: what they send follows the output of the section.
    if (this.#first !== undefined) this.#collectWaiting();
  }

  /** Ends the section and writes its output. */
  end(): void {
    if (this.#pool.owner !== this) return;
    this.#emit();
    this.#pool.owner = undefined;
    this.#settle();
  }

  /** Reserves up to 128 KiB at `at` of the returned buffer. The caller must fill them at once. */
  reserve(length: number): Buffer {
    const pool = this.#pool;
    if (length > bufferLength) throw new RangeError(`${length} bytes do not fit into the output buffer`);
    if (pool.owner === this) {
      if (pool.used + length > bufferLength) this.#emit();
      this.at = pool.used;
      pool.used += length;
      return pool.buffer;
    }
    const own = Buffer.allocUnsafe(length);
    this.at = 0;
    this.send(own);
    return own;
  }

  /** Sends bytes, which must never change. */
  send(bytes: Buffer): void {
    if (this.#closed) return;
    if (this.#pool.owner === this) {
      if (bytes.length > maxCopied) {
        this.#emit();
        this.#wire.write(bytes);
      } else {
        const target = this.reserve(bytes.length);
        target.set(bytes, this.at);
      }
    } else this.#wait(bytes, 0);
  }

  /** Sends data on a stream. Copies it once at most. */
  sendData(data: SharedData, streamId: number): void {
    if (this.#closed) return;
    if (this.#pool.owner !== this) return this.#wait(data, streamId);
    const { isTight } = this.account;
    if (data.framesLength <= (isTight ? maxCopiedIfTight : maxCopied)) {
      const target = this.reserve(data.framesLength);
      data.copyFrames(target, this.at, streamId);
      return;
    }
    this.#emit();
    if (streamId === 1) this.#wire.write(data.framesFor(1), data);
    else if (this.#wire.unsent === 0 && !isTight) this.#wire.write(data.framesFor(streamId));
    // It waits, as on many further streams of this client, perhaps. So it is not copied for each.
    else
      for (const [header, payload] of data.partsFor(streamId)) {
        this.#wire.write(header);
        this.#wire.write(payload, data);
      }
  }

  /** Notifies `listener` when the kernel has accepted all earlier output, but never within this call. */
  whenSent(listener: SentListener): void {
    if (this.#listener === undefined) this.#listener = listener;
    else (this.#otherListeners ??= []).push(listener);
    if (this.#pool.owner !== this && this.#first === undefined && this.#others === undefined)
      this.#pool.schedule(this);
  }

  /** Writes the output that was collected between reads. Within a section, nothing waits. */
  flush(): void {
    const first = this.#first;
    if (this.#closed || this.#pool.owner === this) return;
    if (this.#others === undefined && first instanceof SharedData && this.#firstId === 1) {
      this.#first = undefined;
      this.#wire.write(first.framesFor(1), first);
    } else if (this.#others === undefined && first instanceof Buffer) {
      this.#first = undefined;
      this.#wire.write(first);
    } else if (first !== undefined) {
      this.#pool.owner?.end();
      this.#pool.owner = this;
      this.#collectWaiting();
      this.#emit();
      this.#pool.owner = undefined;
    }
    this.#settle();
  }

  /** Must be called when `unsent` of the wire has become 0. */
  drained(): void {
    this.#settle();
  }

  /** Writes all output and ends the connection. */
  finish(): void {
    this.end();
    this.flush();
    this.#closed = true;
    this.#wire.end();
    this.#forget();
  }

  /** Drops all output. Must be called when the connection has closed. */
  abandon(): void {
    if (this.#pool.owner === this) {
      this.#pool.owner = undefined;
      this.#pool.used = 0;
    }
    this.#closed = true;
    this.#first = undefined;
    this.#others = undefined;
    this.#forget();
  }

  /** Keeps output until the end of the tick. */
  #wait(sent: Buffer | SharedData, streamId: number): void {
    if (this.#first === undefined) {
      this.#first = sent;
      this.#firstId = streamId;
      this.#pool.schedule(this);
    } else (this.#others ??= []).push({ sent, streamId });
  }

  /** Writes the output that waits into the section. */
  #collectWaiting(): void {
    const first = this.#first;
    const others = this.#others;
    this.#first = undefined;
    this.#others = undefined;
    if (first !== undefined) this.#collect(first, this.#firstId);
    for (const { sent, streamId } of others ?? []) this.#collect(sent, streamId);
  }

  #collect(sent: Buffer | SharedData, streamId: number): void {
    if (sent instanceof SharedData) this.sendData(sent, streamId);
    else this.send(sent);
  }

  #forget(): void {
    this.#listener = undefined;
    this.#otherListeners = undefined;
  }

  #emit(): void {
    const pool = this.#pool;
    const length = pool.used;
    pool.used = 0;
    if (length === 0 || this.#closed) return;
    const bytes = pool.buffer.subarray(0, length);
    // The socket keeps bytes that wait, and the whole buffer with them. A client that does not read can cause many
    // short writes, so only one that the kernel may accept at once takes a buffer with it.
    if (this.#wire.unsent > 0 && this.#wire.copies !== true) {
      this.#wire.write(exactCopy(bytes));
      pool.afterUse?.(bytes);
      return;
    }
    this.#wire.write(bytes, undefined, true);
    if (this.#wire.unsent > 0 && this.#wire.copies !== true) pool.replace();
    else pool.afterUse?.(bytes);
  }

  #settle(): void {
    const listener = this.#listener;
    const others = this.#otherListeners;
    if (listener === undefined || this.#closed || this.#wire.unsent > 0) return;
    this.#forget();
    try {
      listener.sent();
      if (others !== undefined) for (const other of others) other.sent();
    } catch (error) {
      // Not thrown: that would stop the output of other connections.
      this.#owner.fail(error);
    }
  }
}

/** Copies bytes to a buffer of their own. `Buffer.from` takes parts of buffers of 64 KiB, which one part keeps. */
export function exactCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}
