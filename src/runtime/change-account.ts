import type { ChangeWork } from './state-view.ts';
import type { Clock } from './clock.ts';

/** Records the work between two builds. */
export interface ChangeAccount {
  /** Records that the texts of a batch were parsed, from `startedAt` until now. */
  parsed(paths: readonly string[], startedAt: number): void;
  /** Returns the work that led to the build that began at `startedAt` and ends now, and begins a new record. */
  built(startedAt: number): ChangeWork;
}

/** Maximum number of paths in a record. The first read has thousands. */
const maxPaths = 20;

/** Creates a record. Times are those of the monotonic clock. */
export function createChangeAccount({ monotonic }: Pick<Clock, 'monotonic'>): ChangeAccount {
  let paths: string[] = [];
  let texts = 0;
  let parse: { readonly startedAt: number; readonly endedAt: number } | undefined;
  let parseMs = 0;
  return {
    parsed(some, startedAt) {
      if (some.length === 0) return;
      const endedAt = monotonic();
      parse = { startedAt: parse?.startedAt ?? startedAt, endedAt };
      parseMs += endedAt - startedAt;
      texts += some.length;
      paths.push(...some.slice(0, maxPaths - paths.length));
    },
    built(startedAt) {
      const work = {
        paths,
        texts,
        parse: parse && { ...parse, busyMs: parseMs },
        build: { startedAt, endedAt: monotonic() },
      };
      [paths, texts, parse, parseMs] = [[], 0, undefined, 0];
      return work;
    },
  };
}
