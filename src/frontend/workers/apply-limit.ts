import { timerMs } from '../../xds/timers/timers.ts';

/** The time that a worker may take to apply a change, in ms. It takes a second for thousands of meshes. */
export const applyLimitMs = 60_000;
/** The time is counted in ticks: after a pause of both processes, the confirmation is read before the next tick. */
const tickMs = 5_000;

/** The time limit of the change that a worker is applying. */
export interface ApplyLimit {
  /** A change was sent. */
  begin(): void;
  /** The worker has applied it, or has ended. */
  end(): void;
}

/** Creates a limit, which calls `exceeded` for each change that is not applied in time. */
export function limitApplying(exceeded: () => void): ApplyLimit {
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => clearInterval(timer);
  return {
    begin() {
      end();
      let left = applyLimitMs / tickMs;
      timer = setInterval(() => {
        left -= 1;
        if (left > 0) return;
        end();
        exceeded();
      }, timerMs(tickMs)).unref();
    },
    end,
  };
}
