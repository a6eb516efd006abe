import type { Fleet } from './fleet.ts';
import { assessRollout } from './rollout.ts';
import type { Rollout } from './rollout.ts';
import type { Clock } from '../runtime/clock.ts';
import { followLosses } from './follow-losses.ts';
import type { Loss } from './follow-losses.ts';

export interface FollowerOptions {
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** A change has reached every connected proxy, and `gaveUp` lost proxies are no longer waited for. */
  readonly onConverged: (rollout: Rollout, gaveUp: number) => void;
  /** A roll-out has lost proxies, or gives lost proxies up. */
  readonly onLost: (loss: Loss) => void;
  /** How far a mesh is, while somebody watches; told when it is not what it was. */
  readonly onProgress: (rollout: Rollout, now: number) => void;
}

/** Looks at roll-outs as long as one is under way, or somebody watches. */
export interface RolloutFollower {
  /** Something else is served to these meshes. */
  changed(meshes: readonly string[]): void;
  /** Whether somebody watches. */
  watched(isWatched: boolean): void;
  close(): void;
}

/** How often it looks: at first, and while nothing moves; ms. A proxy that lags for hours costs little. */
const pace = { fast: 250, slow: 2_000, fastForMs: 10_000 } as const;
/** Lagging proxies in what is told of progress. */
const mostLagging = 20;

/** Makes a follower that has nothing to follow. */
export function followRollouts({
  fleet,
  clock,
  onConverged,
  onLost,
  onProgress,
}: FollowerOptions): RolloutFollower {
  const underWay = new Set<string>();
  const told = new Map<string, string>();
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
    // Answers of workers take a moment, in which something else may come to be served.
    const { connected, gone, complete, forgotten } = await fleet.look();
    isLooking = false;
    if (closed) return;
    const now = clock.wall();
    const proxies = { connected: [...connected], gone: [...gone], complete, forgotten };
    for (const mesh of isWatched ? fleet.history.meshes() : [...underWay]) {
      const rollout = assessRollout(proxies, fleet.history, { mesh, mostLagging, now });
      if (rollout === undefined) continue;
      if (underWay.has(mesh)) losses.see(mesh, proxies, now);
      tell(rollout, now);
    }
    const isMoving = clock.monotonic() - lastChange < pace.fastForMs;
    schedule(isMoving ? pace.fast : pace.slow);
  }

  function tell(rollout: Rollout, now: number): void {
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
    if (!isWatched || told.get(mesh) === key) return;
    told.set(mesh, key);
    onProgress(rollout, now);
  }

  /** Not at once after a change, which is just going out, and no proxy has answered it. */
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
      const comes = next && !isWatched;
      isWatched = next;
      if (comes) begin(0);
    },
    close() {
      closed = true;
      cancel?.();
    },
  };
}
