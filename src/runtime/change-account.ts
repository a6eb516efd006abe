import type { ChangeWork } from './state-view.ts';
import type { Clock } from './clock.ts';

/** Keeps account of what is done between two builds. */
export interface ChangeAccount {
  /** Texts of a batch were parsed, from a moment until now. */
  parsed(paths: readonly string[], startedAt: number): void;
  /** What led to the build that began at a moment and ends now; the next account begins. */
  built(startedAt: number): ChangeWork;
}

/** Paths that are named; of a first read of everything there are thousands. */
const named = 20;

/** Makes an account; times are those of the monotonic clock. */
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
      paths.push(...some.slice(0, named - paths.length));
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
