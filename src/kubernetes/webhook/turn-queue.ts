import { createFairQueue } from '../../xds/rate/fair-queue.ts';
import type { Origin } from '../../xds/rate/fair-queue.ts';
import { timerMs } from '../../xds/timers/timers.ts';

/** A client that waits for its turn. */
export interface WaitingClient extends Origin {
  /** True if the client has closed its connection meanwhile. */
  readonly isGone: () => boolean;
}

/** A queue of clients that wait for a turn. Addresses take turns, and the connections of an address. */
export interface TurnQueue {
  /** Number of waiting clients, including those that have gone. */
  readonly size: number;
  /** Resolves with true at the client's turn, or with false if the client has gone or has waited too long. */
  wait(client: WaitingClient): Promise<boolean>;
  /** Gives the next client its turn. Returns false if no client waits. */
  admitNext(): boolean;
}

interface Entry extends WaitingClient {
  readonly resolve: (isTurn: boolean) => void;
}

/** Creates an empty queue in which a client waits for at most `maxWaitMs`. */
export function createTurnQueue(maxWaitMs: number): TurnQueue {
  const queue = createFairQueue<Entry>();

  function leave(entry: Entry): void {
    if (queue.delete(entry)) entry.resolve(false);
  }

  return {
    get size() {
      return queue.size;
    },
    wait: (client) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => leave(entry), timerMs(maxWaitMs)).unref();
        const entry: Entry = {
          ...client,
          resolve: (isTurn) => {
            clearTimeout(timer);
            resolve(isTurn);
          },
        };
        queue.add(entry);
      }),
    admitNext() {
      for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
        // Removed instead of served: a client that has gone costs its address no turn.
        if (next.isGone()) leave(next);
        else {
          queue.shift()?.resolve(true);
          return true;
        }
      }
      return false;
    },
  };
}
