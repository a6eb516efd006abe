import { timerMs } from '../../xds/timers/timers.ts';

/** A client that waits for its turn. */
export interface Waiting {
  /** Where it comes from: turns go round by this. */
  readonly address: string;
  /** Whether it has gone meanwhile. */
  readonly isGone: () => boolean;
}

/** A line of clients that wait for something. */
export interface FairLine {
  /** Clients in the line, those that have gone meanwhile included. */
  readonly length: number;
  /** Resolves with true at the turn of the client, and with false after it has waited too long or has gone. */
  join(client: Waiting): Promise<boolean>;
  /** Gives the next client its turn; false if no client waits. */
  callNext(): boolean;
}

interface Place extends Waiting {
  readonly answer: (isTurn: boolean) => void;
}

/**
 * Makes an empty line, in which a client waits for at most `maxWaitMs`. Addresses take turns: a client that asks a
 * hundred times at once holds up others by one turn, not by a hundred.
 */
export function createFairLine(maxWaitMs: number): FairLine {
  /** By address, the next one first. */
  const places = new Map<string, Set<Place>>();
  let length = 0;

  function leave(place: Place, isTurn: boolean): void {
    const others = places.get(place.address);
    if (others?.delete(place) !== true) return;
    length -= 1;
    if (isTurn || others.size === 0) places.delete(place.address);
    if (isTurn && others.size > 0) places.set(place.address, others);
    place.answer(isTurn);
  }

  return {
    get length() {
      return length;
    },
    join: (client) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => leave(place, false), timerMs(maxWaitMs)).unref();
        const place: Place = {
          ...client,
          answer: (isTurn) => {
            clearTimeout(timer);
            resolve(isTurn);
          },
        };
        const others = places.get(client.address) ?? new Set();
        places.set(client.address, others.add(place));
        length += 1;
      }),
    callNext() {
      while (length > 0) {
        const [place] = places.values().next().value ?? [];
        if (place === undefined) return false;
        const isTurn = !place.isGone();
        leave(place, isTurn);
        if (isTurn) return true;
      }
      return false;
    },
  };
}
