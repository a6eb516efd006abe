/** Runs tasks, a limited number at a time. */
interface Lane {
  /** Runs a task as soon as there is room. */
  run(task: () => Promise<void>): Promise<void>;
}

/** Creates a lane that runs at most `limit` tasks at a time, in their order. */
export function createLane(limit: number): Lane {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    async run(task) {
      if (running >= limit)
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
        });
      else running += 1;
      try {
        await task();
      } finally {
        // The next task takes the place of this one.
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}

/**
 * Endpoints that failed have a lane of their own: hundreds of dead peers that each take ten seconds must not delay the
 * fetches of the others.
 */
export interface Lanes {
  readonly healthy: Lane;
  readonly failing: Lane;
}

export function createLanes(): Lanes {
  return { healthy: createLane(64), failing: createLane(32) };
}
