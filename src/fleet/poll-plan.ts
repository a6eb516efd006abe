import type { Rollout } from './rollout.ts';

/**
 * Intervals of the polls in ms: the shortest of all, the usual one shortly after a change, and that of later polls, so
 * that a proxy that is behind for hours costs little.
 */
const pace = { shortest: 50, fast: 250, slow: 2_000, fastForMs: 10_000 } as const;

/**
 * Decides when the fleet is polled, for which meshes, and which results are reported. It has neither a clock nor I/O:
 * `now` is in monotonic milliseconds. Delays are in milliseconds; `undefined` if no poll is needed.
 */
export class PollPlan {
  readonly #underWay = new Set<string>();
  /** The reported progress of each mesh, as a text to compare with. */
  readonly #reported = new Map<string, string>();
  #isWatched = false;
  #begunAt = -Infinity;
  #polledAt = -Infinity;

  /** Adds roll-outs. Returns the delay of the first poll: right after a change no proxy can have acknowledged it. */
  changed(meshes: readonly string[], now: number): number | undefined {
    for (const mesh of meshes) this.#underWay.add(mesh);
    this.#begunAt = now;
    return this.#unlessIdle(pace.fast);
  }

  /** Returns the delay of the next poll once the proxies seem to have acknowledged a change. */
  acked(now: number): number | undefined {
    return this.#underWay.size > 0 ? Math.max(0, this.#polledAt + pace.shortest - now) : undefined;
  }

  /** Sets whether a client watches the progress. Returns the delay of the first poll for it. */
  watched(isWatched: boolean, now: number): number | undefined {
    const begins = isWatched && !this.#isWatched;
    this.#isWatched = isWatched;
    if (!begins) return undefined;
    this.#begunAt = now;
    return 0;
  }

  /** Returns the meshes that a poll assesses: all if a client watches, or those with a roll-out in progress. */
  meshes(all: Iterable<string>): readonly string[] {
    return [...(this.#isWatched ? all : this.#underWay)];
  }

  /** Returns whether a roll-out of the mesh is in progress. */
  isUnderWay(mesh: string): boolean {
    return this.#underWay.has(mesh);
  }

  /** Records the result of a poll. Returns whether it ends the roll-out, and whether a watching client must get it. */
  see(rollout: Rollout): { readonly ends: boolean; readonly isNews: boolean } {
    const { mesh, current, states, connected, complete, forgotten, unlisted, versions, lagging } = rollout;
    const ends = rollout.convergedAt !== undefined && this.#underWay.delete(mesh);
    const who = lagging.map(({ proxy, state }) => [proxy.node, state]);
    // A proxy that is behind can reach another earlier version, or leave for good.
    const holding = versions.map(({ proxies }) => proxies);
    const { version, servedAt } = current;
    const counts = [connected, states, complete, forgotten, unlisted.count, holding];
    const progress = JSON.stringify([version, servedAt, counts, who]);
    const isNews = this.#isWatched && this.#reported.get(mesh) !== progress;
    if (isNews) this.#reported.set(mesh, progress);
    return { ends, isNews };
  }

  /** Returns the delay of the poll after one that has just ended. */
  next(now: number): number | undefined {
    this.#polledAt = now;
    return this.#unlessIdle(now - this.#begunAt < pace.fastForMs ? pace.fast : pace.slow);
  }

  #unlessIdle(delayMs: number): number | undefined {
    return this.#underWay.size > 0 || this.#isWatched ? delayMs : undefined;
  }
}
