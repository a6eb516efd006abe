import { LinkedList } from '../small/linked-list.ts';
import type { ListEntry } from '../small/linked-list.ts';
import type { Change } from './snapshot-store.ts';

/** A stream that a fan-out notifies of changes. `Self`: the type of the listeners of one fan-out. */
export interface Listener<Self extends Listener<Self> = AnyListener> extends ListEntry<Self> {
  /** Number of the last change that the listener was notified of. Only the fan-out writes it. */
  lastSeen: number;
  /** Records a change. Sends nothing: `pump` does. */
  changed(change: Change): void;
  /** Sends the responses that are due now. */
  pump(): void;
}

// An interface, because a type cannot refer to itself.
// oxlint-disable-next-line typescript/no-empty-object-type -- see above
export interface AnyListener extends Listener {}

/** The result of one step. */
export interface Step {
  /** Number of listeners that were notified. */
  readonly visited: number;
  /** True if every listener was notified of every change. */
  readonly done: boolean;
}

/** The streams of one group, and the changes that not all of them were notified of yet. */
export interface FanOut<Stream extends Listener<Stream> = AnyListener> {
  readonly size: number;
  /** Adds a listener. It is not notified of changes that were published before. */
  add(listener: Stream): void;
  /** Removes a listener. Returns false if it is absent. */
  delete(listener: Stream): boolean;
  /** Calls back for some listeners in turn, whatever they have seen (`LinkedList`). */
  visitNext(count: number, visit: (listener: Stream) => void): void;
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
export function createFanOut<Stream extends Listener<Stream> = AnyListener>(): FanOut<Stream> {
  const listeners = new LinkedList<Stream>();
  /** The changes that some listener may not have seen, the latest last. */
  let unseen: Change[] = [];
  let latest = 0;
  let inRound = false;
  /** The next listener of the round; `undefined` at its end. */
  let upcoming: Stream | undefined;
  /** Number of the last change that every listener has seen when the round ends. */
  let roundCovers = 0;

  function notify(listener: Stream): void {
    const first = latest - unseen.length;
    for (const change of listener.lastSeen > first ? unseen.slice(listener.lastSeen - first) : unseen) {
      listener.changed(change);
    }
    listener.lastSeen = latest;
    listener.pump();
  }

  function nextListener(): Stream | undefined {
    if (!inRound) {
      inRound = true;
      upcoming = listeners.first;
      roundCovers = latest;
    }
    const next = upcoming;
    upcoming = next?.next;
    if (next !== undefined) return next;
    inRound = false;
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
    delete(listener) {
      if (upcoming === listener) upcoming = listener.next;
      return listeners.delete(listener);
    },
    visitNext: (count, visit) => listeners.visitNext(count, visit),
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
