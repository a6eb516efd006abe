import { createFairQueue } from '../rate/fair-queue.ts';
import type { Origin } from '../rate/fair-queue.ts';
import { createTokenBucket } from '../rate/token-bucket.ts';
import type { Rate, TokenBucket } from '../rate/token-bucket.ts';

/** A stream that waits to be opened. The gate calls `open` or `refuse` once, unless the stream leaves before. */
export interface Opening extends Origin {
  readonly connection: object;
  open(): void;
  /** Called when the server shuts down. */
  refuse(): void;
}

/** Opens new streams at a limited rate. */
export interface Gate {
  /** Number of streams that wait. */
  readonly waiting: number;
  /** Opens the stream, now or in its turn. A waiting stream costs the memory of its unread first request. */
  enter(opening: Opening): void;
  /** Removes a stream that has ended. */
  leave(opening: Opening): void;
  /** Refuses all waiting streams. */
  close(): void;
}

/** The parameters of a gate. */
export interface GateOptions {
  /** The rate of all streams together. `undefined`: no limit. */
  readonly rate: Rate | undefined;
  /** The rate of each connection. `undefined`: no limit. */
  readonly connectionRate?: Rate | undefined;
  readonly clock: () => number;
  /** Called with the number of waiting streams when it changes. */
  readonly changed: (waiting: number) => void;
}

/** Time between two admissions of waiting streams, in ms. */
const admitEveryMs = 20;

/**
 * Creates a gate. Streams above the rate wait instead of being refused. Envoy ignores hints when to retry: it
 * backs off for up to 30 s. It would retry several times, and be without trust for longer than it would have
 * waited here. Addresses take turns, and within an address its connections, so a client that opens thousands of
 * streams delays any other client by one turn at most.
 */
export function createGate({ rate, connectionRate, clock, changed }: GateOptions): Gate {
  const bucket = rate && createTokenBucket(rate);
  const queue = createFairQueue<Opening>();
  const connectionBuckets = new WeakMap<object, TokenBucket>();
  /** True if the shared rate is exhausted, not only the rates of the waiting connections. */
  let isExhausted = false;
  let timer: NodeJS.Timeout | undefined;

  function takeShared(): boolean {
    isExhausted = bucket !== undefined && bucket.take(clock()) > 0;
    return !isExhausted;
  }

  function takeOwn(connection: object): boolean {
    if (connectionRate === undefined) return true;
    let own = connectionBuckets.get(connection);
    if (own === undefined) connectionBuckets.set(connection, (own = createTokenBucket(connectionRate)));
    return own.take(clock()) === 0;
  }

  /** Takes what a new stream needs, or nothing. */
  function takeBoth(connection: object): boolean {
    if (!takeOwn(connection)) return false;
    if (takeShared()) return true;
    connectionBuckets.get(connection)?.restore();
    return false;
  }

  function admit(): void {
    const before = queue.size;
    while (queue.size > 0 && takeShared()) {
      const next = queue.shift(takeOwn);
      if (next === undefined) {
        // Otherwise, one connection above its rate would use up the burst of all others.
        bucket?.restore();
        break;
      }
      next.open();
    }
    update(before);
  }

  function update(before: number): void {
    if (queue.size !== before) changed(queue.size);
    if (queue.size > 0) timer ??= setInterval(admit, admitEveryMs);
    else {
      clearInterval(timer);
      timer = undefined;
    }
  }

  return {
    get waiting() {
      return queue.size;
    },
    enter(opening) {
      const mustWait = queue.size > 0 && (isExhausted || queue.hasConnectionOf(opening));
      if (!mustWait && takeBoth(opening.connection)) return opening.open();
      queue.add(opening);
      update(queue.size - 1);
    },
    leave(opening) {
      if (queue.delete(opening)) update(queue.size + 1);
    },
    close() {
      const before = queue.size;
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) next.refuse();
      update(before);
    },
  };
}
