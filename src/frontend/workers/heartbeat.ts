import { timerMs } from '../../xds/timers/timers.ts';
import { limitTime } from './time-limit.ts';

/** Asks a worker again and again whether it lives. */
export interface Heartbeat {
  /** Asks for the first time: the worker listens. */
  begin(): void;
  /** The worker has answered. */
  answered(): void;
  /** Asks no more: the worker has ended. */
  end(): void;
}

/** The number of times that a worker is asked within the time limit of an answer. */
const asksInLimit = 6;

/** Creates a heartbeat that calls `ask`, and `exceeded` if there is no answer within the limit. */
export function createHeartbeat(limitMs: number, ask: () => void, exceeded: () => void): Heartbeat {
  const limit = limitTime(limitMs, exceeded);
  let timer: NodeJS.Timeout | undefined;
  const begin = (): void => {
    limit.begin();
    ask();
  };
  return {
    begin,
    answered() {
      limit.end();
      timer = setTimeout(begin, timerMs(limitMs / asksInLimit)).unref();
    },
    end() {
      limit.end();
      clearTimeout(timer);
    },
  };
}
