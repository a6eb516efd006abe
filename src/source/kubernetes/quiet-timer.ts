export interface QuietTimer {
  /** Something happened: the quiet begins anew. */
  touch(): void;
  /** Nothing is waited for any more. */
  clear(): void;
}

export interface QuietTimerOptions {
  /** Milliseconds. */
  readonly quietMs: number;
  /** Calls back so many milliseconds after the first touch even if there was no quiet. */
  readonly longestMs: number;
}

/** Calls back once when nothing has happened for a while. */
export function createQuietTimer(
  { quietMs, longestMs }: QuietTimerOptions,
  callback: () => void,
): QuietTimer {
  let timer: NodeJS.Timeout | undefined;
  let since: number | undefined;
  const clear = (): void => {
    clearTimeout(timer);
    since = undefined;
  };
  return {
    touch: () => {
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
