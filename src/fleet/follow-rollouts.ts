import type { Fleet } from './fleet.ts';
import { assessRollout } from './rollout.ts';
import type { Rollout } from './rollout.ts';
import type { Clock } from '../runtime/clock.ts';
import { followLosses } from './follow-losses.ts';
import type { Loss } from './follow-losses.ts';

export interface FollowerOptions {
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** A change has reached every connected proxy; the server gave up waiting for `gaveUp` lost proxies. */
  readonly onConverged: (rollout: Rollout, gaveUp: number) => void;
  /** A roll-out lost proxies, or gave up waiting for lost proxies. */
  readonly onLost: (loss: Loss) => void;
  /** The progress of a mesh. Called while a client watches, and only if the progress changed. */
  readonly onProgress: (rollout: Rollout, now: number) => void;
}

/** Polls the fleet while a roll-out is in progress or a client watches. */
export interface RolloutFollower {
  /** A new version is served to these meshes. */
  changed(meshes: readonly string[]): void;
  /** Sets whether a client watches the progress. */
  watched(isWatched: boolean): void;
  close(): void;
}

/** Intervals of the polls in ms: shortly after a change, and later. A proxy that is behind for hours costs little. */
const pace = { fast: 250, slow: 2_000, fastForMs: 10_000 } as const;
/** The most lagging proxies in a progress report. */
const mostLagging = 20;

/** Creates a follower without roll-outs. */
export function followRollouts({
  fleet,
  clock,
  onConverged,
  onLost,
  onProgress,
}: FollowerOptions): RolloutFollower {
  const underWay = new Set<string>();
  const reported = new Map<string, string>();
  const losses = followLosses(fleet.history, onLost);
  let isWatched = false;
  let lastChange = -Infinity;
  let cancel: (() => void) | undefined;
  let dueAt = Infinity;
  let isLooking = false;
  let closed = false;

  function schedule(delayMs: number): void {
    if (closed || (underWay.size === 0 && !isWatched)) return;
    const at = clock.monotonic() + delayMs;
    if (cancel !== undefined && dueAt <= at) return;
    cancel?.();
    dueAt = at;
    cancel = clock.after(delayMs, () => void look());
  }

  async function look(): Promise<void> {
    cancel = undefined;
    isLooking = true;
    // Workers take a moment to answer. A new version may be published in the meantime.
    const { connected, gone, ...rest } = await fleet.look();
    isLooking = false;
    if (closed) return;
    const now = clock.wall();
    const proxies = { connected: [...connected], gone: [...gone], ...rest };
    for (const mesh of isWatched ? fleet.history.meshes() : [...underWay]) {
      const rollout = assessRollout(proxies, fleet.history, { mesh, mostLagging, now });
      if (rollout === undefined) continue;
      if (underWay.has(mesh)) losses.see(mesh, proxies, now);
      report(rollout, now);
    }
    const isMoving = clock.monotonic() - lastChange < pace.fastForMs;
    schedule(isMoving ? pace.fast : pace.slow);
  }

  function report(rollout: Rollout, now: number): void {
    const { mesh, current, states, connected, complete, forgotten, lagging } = rollout;
    if (rollout.convergedAt !== undefined && underWay.delete(mesh)) onConverged(rollout, losses.end(mesh));
    const who = lagging.map(({ proxy, state }) => [proxy.node, state]);
    const key = JSON.stringify([
      current.version,
      current.servedAt,
      connected,
      states,
      complete,
      forgotten,
      who,
    ]);
    if (!isWatched || reported.get(mesh) === key) return;
    reported.set(mesh, key);
    onProgress(rollout, now);
  }

  /** Schedules the first poll. Right after a change no proxy can have acknowledged it, hence the delay. */
  function begin(delayMs: number): void {
    lastChange = clock.monotonic();
    if (!isLooking) schedule(delayMs);
  }

  return {
    changed(meshes) {
      for (const mesh of meshes) underWay.add(mesh);
      begin(pace.fast);
    },
    watched(next) {
      const begins = next && !isWatched;
      isWatched = next;
      if (begins) begin(0);
    },
    close() {
      closed = true;
      cancel?.();
    },
  };
}
