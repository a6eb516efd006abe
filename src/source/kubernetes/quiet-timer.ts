export interface QuietTimer {
  /** Something happened: the quiet, of so many milliseconds, begins anew. */
  touch(quietMs: number): void;
  /** Nothing is waited for any more. */
  clear(): void;
}

/** Calls back once when nothing has happened for a while, at the latest `longestMs` after the first touch. */
export function createQuietTimer(longestMs: number, callback: () => void): QuietTimer {
  let timer: NodeJS.Timeout | undefined;
  let since: number | undefined;
  const clear = (): void => {
    clearTimeout(timer);
    since = undefined;
  };
  return {
    touch: (quietMs) => {
      const now = performance.now();
      since ??= now;
      clearTimeout(timer);
      timer = setTimeout(
        () => {
          since = undefined;
          callback();
        },
        Math.max(0, Math.min(quietMs, since + longestMs - now)),
      );
    },
    clear,
  };
}
