import type { Change } from './snapshot-store.ts';

/** A stream, as a fan-out drives it. */
export interface Listener {
  /** Number of the last change that it was told of; kept by the fan-out. */
  told: number;
  /** Takes a change. Nothing goes out before `pump`. */
  changed(change: Change): void;
  /** Sends what there is to send now. */
  pump(): void;
}

/** What one step did. */
export interface Step {
  /** Listeners that were told something. */
  readonly told: number;
  /** Every listener knows of every change. */
  readonly done: boolean;
}

/** The streams of one group, and what not all of them were told yet. */
export interface FanOut {
  readonly size: number;
  /** The listener is taken to know of every change until now. */
  add(listener: Listener): void;
  /** False: it is not there. */
  delete(listener: Listener): boolean;
  /** Takes a change. Nobody hears of it before the next step. */
  publish(change: Change): void;
  /** Tells at most so many listeners, each of all that it was not told, and has each send. */
  step(most: number): Step;
}

/**
 * Makes a fan-out, which goes round its listeners in order and can stop at each of them. A change that comes
 * while another goes round joins it: those that were not reached yet hear of both at once, and are sent only
 * what holds by then; the others are reached in the next round. So a newer change overtakes an older one
 * wherever that has not gone out, and each listener costs one visit for any number of changes.
 */
export function createFanOut(): FanOut {
  const listeners = new Set<Listener>();
  /** The changes that some listener may not have been told, the latest last. */
  let untold: Change[] = [];
  let latest = 0;
  let round: Iterator<Listener> | undefined;
  /** The changes up to this one are known to all when the round ends. */
  let roundTells = 0;

  function tell(listener: Listener): void {
    const first = latest - untold.length;
    for (const change of listener.told > first ? untold.slice(listener.told - first) : untold) {
      listener.changed(change);
    }
    listener.told = latest;
    listener.pump();
  }

  function nextListener(): Listener | undefined {
    if (round === undefined) {
      // The iterator of a set minds what is added and deleted meanwhile.
      round = listeners.values();
      roundTells = latest;
    }
    const next = round.next();
    if (next.done !== true) return next.value;
    round = undefined;
    untold = latest === roundTells ? [] : untold.slice(roundTells - latest);
    return undefined;
  }

  return {
    get size() {
      return listeners.size;
    },
    add(listener) {
      listener.told = latest;
      listeners.add(listener);
    },
    delete: (listener) => listeners.delete(listener),
    publish(change) {
      latest += 1;
      untold.push(change);
    },
    step(most) {
      let told = 0;
      while (untold.length > 0 && told < most) {
        const listener = nextListener();
        if (listener === undefined || listener.told === latest) continue;
        tell(listener);
        told += 1;
      }
      return { told, done: untold.length === 0 };
    },
  };
}
