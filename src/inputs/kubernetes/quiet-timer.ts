import type { Patience } from './settling.ts';
import { timerMs } from '../../xds/timers/timers.ts';

export interface QuietTimer {
  /** Something happened: the quiet begins anew. */
  touch(patience: Patience): void;
  /** Nothing is waited for any more. */
  clear(): void;
}

/** Calls back once when nothing has happened for a while, at the latest so long after the first touch as the last says. */
export function createQuietTimer(callback: () => void): QuietTimer {
  let timer: NodeJS.Timeout | undefined;
  let since: number | undefined;
  const clear = (): void => {
    clearTimeout(timer);
    since = undefined;
  };
  return {
    touch: ({ quietMs, longestMs }) => {
      const now = performance.now();
      since ??= now;
      clearTimeout(timer);
      timer = setTimeout(
        () => {
          since = undefined;
          callback();
        },
        timerMs(Math.max(0, Math.min(quietMs, since + longestMs - now))),
      );
    },
    clear,
  };
}
