/** Requests what the page shows, again and again. */
export interface Refresher {
  /** Requests at once: the view has changed. The answer of an earlier request is dropped. */
  readonly begin: () => void;
  /** Requests soon, once for many changes. Each request is answered before the next one of the same view. */
  readonly soon: () => void;
}

export interface RefresherOptions {
  /** Requests everything. Resolves with the function that shows it. */
  readonly ask: () => Promise<() => void>;
  readonly failed: (error: unknown) => void;
  /** Calls a function once after a time in milliseconds. */
  readonly after: (milliseconds: number, work: () => void) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** The shortest time between the beginnings of two requests, and the time until a failed one is repeated, in ms. */
const pace = { shortest: 500, retry: 5_000 } as const;

/**
 * Creates a refresher that has requested nothing. A change that arrives while a request is under way causes another one
 * after it: if each replaced the one before, answers that take longer than the time between two changes would never be
 * shown.
 */
export function createRefresher({ ask, failed, after, now }: RefresherOptions): Refresher {
  let begunAt = -Infinity;
  /** The number of the newest request. Only its answer is shown. */
  let newest = 0;
  let isUnderWay = false;
  let isDue = false;
  let isPlanned = false;

  function begin(): void {
    begunAt = now();
    isUnderWay = true;
    isDue = false;
    newest += 1;
    const mine = newest;
    const end = (show: () => void): boolean => {
      if (mine !== newest) return false;
      isUnderWay = false;
      show();
      if (isDue) soon();
      return true;
    };
    ask().then(end, (error: unknown) => {
      // What the page shows is older than the failure: it must not stay until the next change.
      if (end(() => failed(error))) after(pace.retry, () => void (mine === newest && soon()));
    });
  }

  function soon(): void {
    if (isUnderWay) {
      isDue = true;
      return;
    }
    if (isPlanned) return;
    const wait = begunAt + pace.shortest - now();
    if (wait <= 0) return begin();
    isPlanned = true;
    after(wait, () => {
      isPlanned = false;
      if (!isUnderWay) begin();
    });
  }

  return { begin, soon };
}
