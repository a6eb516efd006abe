import type { Change } from './snapshot-store.ts';

/** A stream that a fan-out notifies of changes. */
export interface Listener {
  /** Number of the last change that the listener was notified of. Only the fan-out writes it. */
  lastSeen: number;
  /** Records a change. Sends nothing: `pump` does. */
  changed(change: Change): void;
  /** Sends the responses that are due now. */
  pump(): void;
}

/** The result of one step. */
export interface Step {
  /** Number of listeners that were notified. */
  readonly visited: number;
  /** True if every listener was notified of every change. */
  readonly done: boolean;
}

/** The streams of one group, and the changes that not all of them were notified of yet. */
export interface FanOut {
  readonly size: number;
  /** Adds a listener. It is not notified of changes that were published before. */
  add(listener: Listener): void;
  /** Removes a listener. Returns false if it is absent. */
  delete(listener: Listener): boolean;
  /** Queues a change. The next steps notify the listeners. */
  publish(change: Change): void;
  /** Notifies at most `most` listeners of all changes that they have not seen, and pumps each of them. */
  step(most: number): Step;
}

/**
 * Creates a fan-out, which visits its listeners in rounds and can stop after each listener. A change that is
 * published during a round joins the round. Listeners that the round has not reached get both changes in one
 * visit and send only the current state; the next round visits the other listeners again. So a newer change
 * replaces an older one that was not sent yet, and a listener costs one visit for any number of changes.
 */
export function createFanOut(): FanOut {
  const listeners = new Set<Listener>();
  /** The changes that some listener may not have seen, the latest last. */
  let unseen: Change[] = [];
  let latest = 0;
  let round: Iterator<Listener> | undefined;
  /** Number of the last change that every listener has seen when the round ends. */
  let roundCovers = 0;

  function notify(listener: Listener): void {
    const first = latest - unseen.length;
    for (const change of listener.lastSeen > first ? unseen.slice(listener.lastSeen - first) : unseen) {
      listener.changed(change);
    }
    listener.lastSeen = latest;
    listener.pump();
  }

  function nextListener(): Listener | undefined {
    if (round === undefined) {
      // The iterator of a set follows additions and deletions during the round.
      round = listeners.values();
      roundCovers = latest;
    }
    const next = round.next();
    if (next.done !== true) return next.value;
    round = undefined;
    unseen = latest === roundCovers ? [] : unseen.slice(roundCovers - latest);
    return undefined;
  }

  return {
    get size() {
      return listeners.size;
    },
    add(listener) {
      listener.lastSeen = latest;
      listeners.add(listener);
    },
    delete: (listener) => listeners.delete(listener),
    publish(change) {
      latest += 1;
      unseen.push(change);
    },
    step(most) {
      let visited = 0;
      while (unseen.length > 0 && visited < most) {
        const listener = nextListener();
        if (listener === undefined || listener.lastSeen === latest) continue;
        notify(listener);
        visited += 1;
      }
      return { visited, done: unseen.length === 0 };
    },
  };
}
