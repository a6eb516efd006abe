import { createTimeBudget } from './core/time-budget.ts';
import type { BudgetOptions, TimeBudget } from './core/time-budget.ts';
import { createFairLine } from './fair-line.ts';
import type { FairLine, Waiting } from './fair-line.ts';
import { timerMs } from '../../xds/timers/timers.ts';

/** Reviews of about one size: how many are read at once, and how much time they get. */
export interface ReviewLane {
  /** Waits for a place in which a body may be read; false if there is none in time. A place must be left. */
  enter(client: Waiting): Promise<boolean>;
  leave(): void;
  /** Runs a job at the turn of its client; false if there was no turn in time. */
  run(client: Waiting, job: () => void): Promise<boolean>;
}

export interface LaneOptions {
  /** Bodies that are read or wait for their turn, at once. */
  readonly places: number;
  readonly budget: BudgetOptions;
}

/** What small and large reviews have each, by `T`. */
export interface BySize<T> {
  readonly small: T;
  readonly large: T;
}

/**
 * Makes lanes that share the event loop: one job at a time, with a round of the loop between two of them, so that
 * proxies are served meanwhile. Small reviews come first. Each lane has a budget of its own, so that a flood in one
 * does not keep the other waiting. A client waits for a place, and for its turn, at most `maxWaitMs` each.
 */
export function createReviewLanes(options: BySize<LaneOptions>, maxWaitMs: number): BySize<ReviewLane> {
  let isRunning = false;
  let timer: NodeJS.Timeout | undefined;
  const [small, large] = [stateOf(options.small, maxWaitMs), stateOf(options.large, maxWaitMs)];

  function callNext(): void {
    if (isRunning) return;
    clearTimeout(timer);
    const now = performance.now();
    const waits: number[] = [];
    for (const { budget, turns } of [small, large]) {
      if (turns.length === 0) continue;
      const waitMs = budget.waitMs(now);
      if (waitMs > 0) waits.push(waitMs);
      else if (turns.callNext()) {
        isRunning = true;
        return;
      }
    }
    if (waits.length > 0) timer = setTimeout(callNext, timerMs(Math.min(...waits))).unref();
  }

  const laneOf = (lane: LaneState): ReviewLane => ({
    async enter(client) {
      if (lane.free === 0) return lane.entrance.join(client);
      lane.free -= 1;
      return true;
    },
    leave() {
      if (!lane.entrance.callNext()) lane.free += 1;
    },
    async run(client, job) {
      const turn = lane.turns.join(client);
      callNext();
      if (!(await turn)) return false;
      const start = performance.now();
      try {
        job();
        return true;
      } finally {
        const end = performance.now();
        lane.budget.spend(end - start, end);
        setImmediate(() => {
          isRunning = false;
          callNext();
        });
      }
    },
  });
  return { small: laneOf(small), large: laneOf(large) };
}

interface LaneState {
  free: number;
  readonly budget: TimeBudget;
  readonly entrance: FairLine;
  readonly turns: FairLine;
}

function stateOf({ places, budget }: LaneOptions, maxWaitMs: number): LaneState {
  return {
    free: places,
    budget: createTimeBudget(budget),
    entrance: createFairLine(maxWaitMs),
    turns: createFairLine(maxWaitMs),
  };
}
