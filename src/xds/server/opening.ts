import { createTokenBucket } from '../rate/token-bucket.ts';
import type { Rate, TokenBucket } from '../rate/token-bucket.ts';
import { createFairQueue } from './fair-queue.ts';
import type { Origin } from './fair-queue.ts';

/** A stream that asks to be opened. Exactly one of the two is called, unless it leaves before. */
export interface Opening extends Origin {
  open(): void;
  /** The server is shutting down. */
  refuse(): void;
}

/** Where new streams pass, at a rate. */
export interface Gate {
  /** Streams that wait. */
  readonly waiting: number;
  /** Opens the stream, now or in its turn. Unread meanwhile, it costs what its first request takes to hold. */
  enter(opening: Opening): void;
  /** The stream is gone. */
  leave(opening: Opening): void;
  /** Refuses those that wait. */
  close(): void;
}

/** What a gate is made with. */
export interface GateOptions {
  /** Undefined: no stream waits. */
  readonly rate: Rate | undefined;
  /** Of each connection. Undefined: no stream waits for it. */
  readonly connectionRate?: Rate | undefined;
  readonly clock: () => number;
  /** Hears how many wait whenever that is another number. */
  readonly changed: (waiting: number) => void;
}

/** How often those that wait are let in, in ms. */
const admitEveryMs = 20;

/**
 * Makes a gate. Streams that come too fast wait and are not refused: an Envoy minds no hint when to come back, but
 * its own back-off, of up to 30 s; it would come several times, and be without trust for longer than it would have
 * waited. Addresses take turns, and in each address its connections, so that a client that opens thousands of
 * streams delays no other client by more than one turn.
 */
export function createGate({ rate, connectionRate, clock, changed }: GateOptions): Gate {
  const bucket = rate && createTokenBucket(rate);
  const queue = createFairQueue<Opening>();
  const ofConnection = new WeakMap<object, TokenBucket>();
  /** Whether the rate of all is used up, and not only that of connections that wait. */
  let isUsedUp = false;
  let timer: NodeJS.Timeout | undefined;

  function takeOfAll(): boolean {
    isUsedUp = bucket !== undefined && bucket.take(clock()) > 0;
    return !isUsedUp;
  }

  function takeOf(connection: object): boolean {
    if (connectionRate === undefined) return true;
    let own = ofConnection.get(connection);
    if (own === undefined) ofConnection.set(connection, (own = createTokenBucket(connectionRate)));
    return own.take(clock()) === 0;
  }

  function admit(): void {
    const before = queue.size;
    while (queue.size > 0 && takeOfAll()) {
      const next = queue.shift(takeOf);
      if (next === undefined) break;
      next.open();
    }
    settle(before);
  }

  function settle(before: number): void {
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
      const mustWait = queue.size > 0 && (isUsedUp || queue.hasOf(opening));
      if (!mustWait && takeOf(opening.connection) && takeOfAll()) return opening.open();
      queue.add(opening);
      settle(queue.size - 1);
    },
    leave(opening) {
      if (queue.delete(opening)) settle(queue.size + 1);
    },
    close() {
      const before = queue.size;
      for (let next = queue.shift(any); next !== undefined; next = queue.shift(any)) next.refuse();
      settle(before);
    },
  };
}

const any = (): boolean => true;
