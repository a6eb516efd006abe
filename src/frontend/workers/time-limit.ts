import { timerMs } from '../../xds/timers/timers.ts';

/** The times that a worker may take, in ms. */
export interface WorkerLimits {
  /** From its start until it listens. */
  readonly startMs: number;
  /** To apply a change. It takes a second for thousands of meshes. */
  readonly applyMs: number;
  /** To answer that it lives. It is asked several times in this time. */
  readonly answerMs: number;
}

export const defaultWorkerLimits: WorkerLimits = { startMs: 60_000, applyMs: 60_000, answerMs: 60_000 };

/** A time is counted in ticks: after a pause of both processes, the worker's message is read before the next tick. */
const ticks = 12;

/** A time limit for what a worker is doing. */
export interface TimeLimit {
  /** The time starts now. */
  begin(): void;
  /** The worker is done, or has ended. */
  end(): void;
}

/** Creates a limit, which calls `exceeded` each time that `end` is not called in time. */
export function limitTime(limitMs: number, exceeded: () => void): TimeLimit {
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => clearInterval(timer);
  return {
    begin() {
      end();
      let left = ticks;
      timer = setInterval(
        () => {
          left -= 1;
          if (left > 0) return;
          end();
          exceeded();
        },
        timerMs(limitMs / ticks),
      ).unref();
    },
    end,
  };
}
