import { createTimeBudget } from './core/time-budget.ts';
import type { BudgetOptions, TimeBudget } from './core/time-budget.ts';
import { createTurnQueue } from './turn-queue.ts';
import type { TurnQueue, WaitingClient } from './turn-queue.ts';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { timerMs } from '../../xds/timers/timers.ts';

/** The reviews of one size class. They share a number of slots and a time budget. */
export interface ReviewLane {
  /**
   * Waits for a slot, in which one body may be read. Returns false if none became free in time. After true, `leave`
   * must be called.
   */
  enter(client: WaitingClient): Promise<boolean>;
  leave(): void;
  /**
   * Runs a job at its client's turn. If the job has steps, other work runs between them, but no other job. Returns
   * false if the turn did not come in time.
   */
  run(client: WaitingClient, job: () => Iterable<undefined> | undefined): Promise<boolean>;
}

export interface LaneOptions {
  /** Maximum number of bodies that are read, or have been read and wait for their turn. */
  readonly slots: number;
  readonly budget: BudgetOptions;
}

/** Milliseconds of steps after which other work has its turn. */
const turnMs = 10;

/** A value for small reviews and one for large reviews. */
export interface BySize<T> {
  readonly small: T;
  readonly large: T;
}

/**
 * Creates two lanes that share the event loop. One job runs at a time, and the event loop completes a turn between two
 * jobs, so that proxies are served meanwhile. Small reviews come first. Each lane has its own budget, so that a flood
 * in one lane does not delay the other. A client waits at most `maxWaitMs` for a slot, and again for its turn.
 */
export function createReviewLanes(options: BySize<LaneOptions>, maxWaitMs: number): BySize<ReviewLane> {
  let isRunning = false;
  let timer: NodeJS.Timeout | undefined;
  const [small, large] = [stateOf(options.small, maxWaitMs), stateOf(options.large, maxWaitMs)];

  function runNext(): void {
    if (isRunning) return;
    clearTimeout(timer);
    const now = performance.now();
    const waits: number[] = [];
    for (const { budget, turns } of [small, large]) {
      if (turns.size === 0) continue;
      const waitMs = budget.waitMs(now);
      if (waitMs > 0) waits.push(waitMs);
      else if (turns.admitNext()) {
        isRunning = true;
        return;
      }
    }
    if (waits.length > 0) timer = setTimeout(runNext, timerMs(Math.min(...waits))).unref();
  }

  const laneOf = (lane: LaneState): ReviewLane => ({
    async enter(client) {
      if (lane.free === 0) return lane.entry.wait(client);
      lane.free -= 1;
      return true;
    },
    leave() {
      if (!lane.entry.admitNext()) lane.free += 1;
    },
    async run(client, job) {
      const turn = lane.turns.wait(client);
      runNext();
      if (!(await turn)) return false;
      let start = performance.now();
      const spend = (): void => {
        const end = performance.now();
        lane.budget.spend(end - start, end);
        start = end;
      };
      try {
        for (const _ of job() ?? []) {
          if (performance.now() - start < turnMs) continue;
          spend();
          await nextTurn();
          start = performance.now();
        }
        return true;
      } finally {
        spend();
        setImmediate(() => {
          isRunning = false;
          runNext();
        });
      }
    },
  });
  return { small: laneOf(small), large: laneOf(large) };
}

interface LaneState {
  /** Number of free slots. */
  free: number;
  readonly budget: TimeBudget;
  /** Clients that wait for a slot. */
  readonly entry: TurnQueue;
  /** Clients that wait for their turn. */
  readonly turns: TurnQueue;
}

function stateOf({ slots, budget }: LaneOptions, maxWaitMs: number): LaneState {
  return {
    free: slots,
    budget: createTimeBudget(budget),
    entry: createTurnQueue(maxWaitMs),
    turns: createTurnQueue(maxWaitMs),
  };
}
