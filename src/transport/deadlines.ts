import { LinkedList } from '../xds/small/linked-list.ts';
import type { ListEntry } from '../xds/small/linked-list.ts';
import { timerMs } from '../xds/timers/timers.ts';

/** A call with a deadline. */
export interface LimitedCall extends ListEntry<LimitedCall> {
  /** Its own timer, if its time is short. Only `Deadlines` writes it. */
  timer?: NodeJS.Timeout | undefined;
  /** Its deadline has passed. */
  exceeded(): void;
}

/** Shorter times are exact. */
const exactBelowMs = 2000;
/** Longer times may end later by twice this time. The client counts its time itself. */
const slotMs = 250;

/** Removes the deadline of a call, if it has one. */
export function removeDeadline(call: LimitedCall): void {
  if (call.timer !== undefined) clearTimeout(call.timer);
  call.list?.delete(call);
}

// One function for all calls: a timer with a closure would need one for each.
function exceeded(call: LimitedCall): void {
  call.exceeded();
}

function endAll(calls: LinkedList<LimitedCall>): void {
  for (let call = calls.first; call !== undefined; call = calls.first) {
    calls.delete(call);
    call.exceeded();
  }
}

/**
 * The deadlines of the calls of a server. One timer serves all longer times: Node.js makes four objects for a timer,
 * and keeps a list for each number of ms. Nearly each call has another number in its `grpc-timeout`.
 */
export class Deadlines {
  /** The calls by the slot in which their time ends. A slot that has become empty is removed by the next tick. */
  readonly #slots = new Map<number, LinkedList<LimitedCall>>();
  #ticker: NodeJS.Timeout | undefined;
  readonly #clock: () => number;

  /** `clock` returns ms of a monotonic clock. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Limits the time of a call, in ms. It must be removed when it is over. */
  add(call: LimitedCall, ms: number): void {
    if (ms < exactBelowMs) {
      call.timer = setTimeout(exceeded, timerMs(ms), call);
      return;
    }
    const slot = Math.floor((this.#clock() + ms) / slotMs);
    let calls = this.#slots.get(slot);
    if (calls === undefined) this.#slots.set(slot, (calls = new LinkedList<LimitedCall>()));
    calls.add(call);
    this.#ticker ??= setInterval(() => this.#tick(), slotMs).unref();
  }

  #tick(): void {
    const now = Math.floor(this.#clock() / slotMs);
    for (const [slot, calls] of this.#slots) {
      if (slot < now) endAll(calls);
      if (calls.size === 0) this.#slots.delete(slot);
    }
    if (this.#slots.size > 0) return;
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }
}
