/** Where the bytes of a connection go: a socket. */
export interface Wire {
  /** Takes bytes. They do not change until `unsent` is 0. */
  write(bytes: Buffer): void;
  /** Bytes that were taken and that the kernel has not. */
  readonly unsent: number;
  /** Ends the connection once everything is sent. */
  end(): void;
}

const bufferLength = 131_072;
/** Bytes that are copied behind others rather than written for themselves. */
const mostCopied = 32_768;

/**
 * What the connections of a server write with. One buffer serves all of them: what one read causes is put into it and
 * written at once. What is written between reads is collected until `defer` runs, at the end of the tick.
 */
export class OutputPool {
  readonly #defer: (work: () => void) => void;
  readonly #waiting: Output[] = [];
  #scheduled = false;
  buffer: Buffer = Buffer.allocUnsafeSlow(bufferLength);
  used = 0;
  /** The output that writes into the buffer. */
  owner: Output | undefined;

  constructor(defer: (work: () => void) => void) {
    this.#defer = defer;
  }

  /** Has `output` flushed at the end of the tick. */
  schedule(output: Output): void {
    this.#waiting.push(output);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#defer(() => {
      this.#scheduled = false;
      for (const waiting of this.#waiting.splice(0)) waiting.flush();
    });
  }

  /** Gives the buffer up to the socket that still needs it. */
  replace(): void {
    this.buffer = Buffer.allocUnsafeSlow(bufferLength);
  }
}

/** What one connection writes. */
export class Output {
  readonly #pool: OutputPool;
  readonly #wire: Wire;
  /** What was written between reads: mostly one frame, so that a list is made for the second one alone. */
  #first: Buffer | undefined;
  #others: Buffer[] | undefined;
  /** Called once the kernel has what was written before. */
  #sent: (() => void)[] | undefined;
  #closed = false;
  /** Where the bytes of the last `reserve` begin. */
  at = 0;

  constructor(pool: OutputPool, wire: Wire) {
    this.#pool = pool;
    this.#wire = wire;
  }

  /** Bytes that the kernel has not taken yet. */
  get unsent(): number {
    return this.#wire.unsent;
  }

  /** Begins a section: until `end` everything goes into the shared buffer. */
  begin(): void {
    const pool = this.#pool;
    pool.owner?.end();
    if (this.#first !== undefined) this.flush();
    pool.owner = this;
  }

  /** Ends the section and writes what it has. */
  end(): void {
    if (this.#pool.owner !== this) return;
    this.#emit();
    this.#pool.owner = undefined;
    this.#settle();
  }

  /** Room for `length` bytes, at `at` of the buffer that it returns, to be filled before anything else happens. */
  reserve(length: number): Buffer {
    const pool = this.#pool;
    if (pool.owner === this && length <= bufferLength) {
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

  /** Sends bytes that never change. */
  send(bytes: Buffer): void {
    if (this.#closed) return;
    if (this.#pool.owner === this) {
      if (bytes.length > mostCopied) {
        this.#emit();
        this.#wire.write(bytes);
      } else {
        const target = this.reserve(bytes.length);
        target.set(bytes, this.at);
      }
    } else if (this.#first === undefined) {
      this.#first = bytes;
      this.#pool.schedule(this);
    } else (this.#others ??= []).push(bytes);
  }

  /** Calls back once the kernel has taken everything that was written before. Never from within this call. */
  whenSent(callback: () => void): void {
    (this.#sent ??= []).push(callback);
    if (this.#pool.owner !== this && this.#first === undefined && this.#others === undefined)
      this.#pool.schedule(this);
  }

  /** Writes what was collected between reads. */
  flush(): void {
    const [first, others] = [this.#first, this.#others];
    this.#first = undefined;
    this.#others = undefined;
    if (this.#closed) return;
    if (first !== undefined && others === undefined) this.#wire.write(first);
    else if (first !== undefined && others !== undefined) {
      const before = this.#pool.owner;
      before?.end();
      this.#pool.owner = this;
      this.send(first);
      for (const bytes of others) this.send(bytes);
      this.#emit();
      this.#pool.owner = undefined;
    }
    this.#settle();
  }

  /** To be called when the wire has nothing left that is unsent. */
  drained(): void {
    this.#settle();
  }

  /** Writes what there is and ends the connection. */
  finish(): void {
    this.end();
    this.flush();
    this.#closed = true;
    this.#wire.end();
    this.#sent = undefined;
  }

  /** The connection is gone: nothing is written any more. */
  abandon(): void {
    if (this.#pool.owner === this) {
      this.#pool.owner = undefined;
      this.#pool.used = 0;
    }
    this.#closed = true;
    this.#first = undefined;
    this.#others = undefined;
    this.#sent = undefined;
  }

  #emit(): void {
    const pool = this.#pool;
    const length = pool.used;
    pool.used = 0;
    if (length === 0 || this.#closed) return;
    this.#wire.write(pool.buffer.subarray(0, length));
    // What the kernel has not taken stays with the socket, which must find it unchanged.
    if (this.#wire.unsent > 0) pool.replace();
  }

  #settle(): void {
    const callbacks = this.#sent;
    if (callbacks === undefined || this.#closed || this.#wire.unsent > 0) return;
    this.#sent = undefined;
    for (const callback of callbacks) callback();
  }
}
