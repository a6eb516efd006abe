import { OutputBudget } from './output-budget.ts';

/** Length of the shared buffer, in bytes. */
export const bufferLength = 131_072;

/** The output of a connection, which the pool collects and writes. */
export interface PooledOutput {
  /** True if several streams write to it. */
  readonly isShared: boolean;
  /** Ends the section in which it writes to the shared buffer. */
  end(): void;
  /** Writes the output that was collected between reads. */
  flush(): void;
}

/**
 * The output buffer of all connections of a server. The output that one read causes is collected in it and written at
 * once. Output between reads is collected until `defer` runs its work, at the end of the tick.
 */
export class OutputPool {
  readonly #defer: (work: () => void) => void;
  #waiting: PooledOutput[] = [];
  #scheduled = false;
  buffer: Buffer = Buffer.allocUnsafeSlow(bufferLength);
  used = 0;
  /** The output that currently writes to the buffer. */
  owner: PooledOutput | undefined;

  /** Called with the bytes of a shared buffer, for output or input, after their last use. */
  readonly afterUse: ((bytes: Buffer) => void) | undefined;
  /** The memory for output that clients have not taken. */
  readonly budget: OutputBudget;

  constructor(
    defer: (work: () => void) => void,
    afterUse?: (bytes: Buffer) => void,
    maxHeldBytes: number = Number.POSITIVE_INFINITY,
  ) {
    this.#defer = defer;
    this.afterUse = afterUse;
    this.budget = new OutputBudget(maxHeldBytes, defer);
  }

  /** Flushes `output` at the end of the tick. */
  schedule(output: PooledOutput): void {
    this.#waiting.push(output);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#defer(() => {
      this.#scheduled = false;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const output of waiting) output.flush();
    });
  }

  /**
   * Flushes the outputs of connections with one stream. The others wait for the end of the tick: more of their streams
   * may have output, which leaves in the same write.
   */
  flushSingle(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const output of waiting) {
      if (output.isShared) this.#waiting.push(output);
      else output.flush();
    }
  }

  /** Allocates another buffer, because a socket still needs the current one. */
  replace(): void {
    this.buffer = Buffer.allocUnsafeSlow(bufferLength);
  }
}
