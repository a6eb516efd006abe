import type { Fleet, FleetLook } from './fleet.ts';
import { assessRollout } from './rollout.ts';
import type { Rollout } from './rollout.ts';
import type { Clock } from '../runtime/clock.ts';
import { followLosses } from './follow-losses.ts';
import type { Loss } from './follow-losses.ts';
import { PollPlan } from './poll-plan.ts';

export interface FollowerOptions {
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** A change has reached every connected proxy; the server gave up waiting for `gaveUp` lost proxies. */
  readonly onConverged: (rollout: Rollout, gaveUp: number) => void;
  /** A roll-out lost proxies, or gave up waiting for lost proxies. */
  readonly onLost: (loss: Loss) => void;
  /** The progress of a mesh. Called while a client watches, and only if the progress changed. */
  readonly onProgress: (rollout: Rollout, now: number) => void;
  /** A poll failed, and those before it did not. The next one is at its usual time. */
  readonly onFailed: (error: unknown) => void;
}

/** Polls the fleet while a roll-out is in progress or a client watches. */
export interface RolloutFollower {
  /** A new version is served to these meshes. */
  changed(meshes: readonly string[]): void;
  /** Sets whether a client watches the progress. */
  watched(isWatched: boolean): void;
  close(): void;
}

/** The most lagging proxies in a progress report. */
const mostLagging = 20;

/** Creates a follower without roll-outs. `PollPlan` decides; this runs its polls. */
export function followRollouts({
  fleet,
  clock,
  onConverged,
  onLost,
  onProgress,
  onFailed,
}: FollowerOptions): RolloutFollower {
  const plan = new PollPlan();
  const losses = followLosses(fleet.history, onLost);
  let cancel: (() => void) | undefined;
  let dueAt = Infinity;
  let isLooking = false;
  let isFailing = false;
  let closed = false;

  function schedule(delayMs: number | undefined): void {
    if (closed || isLooking || delayMs === undefined) return;
    const at = clock.monotonic() + delayMs;
    if (cancel !== undefined && dueAt <= at) return;
    cancel?.();
    dueAt = at;
    cancel = clock.after(delayMs, () => void look());
  }

  async function look(): Promise<void> {
    cancel = undefined;
    isLooking = true;
    try {
      // Workers take a moment to answer. A new version may be published in the meantime.
      report(await fleet.look());
      isFailing = false;
    } catch (error) {
      if (!closed && !isFailing) onFailed(error);
      isFailing = true;
    } finally {
      isLooking = false;
      schedule(plan.next(clock.monotonic()));
    }
  }

  function report({ connected, gone, ...rest }: FleetLook): void {
    if (closed) return;
    const now = clock.wall();
    const proxies = { connected: [...connected], gone: [...gone], ...rest };
    for (const mesh of plan.meshes(fleet.history.meshes())) {
      const rollout = assessRollout(proxies, fleet.history, { mesh, mostLagging, now });
      if (rollout === undefined) continue;
      if (plan.isUnderWay(mesh)) losses.see(mesh, proxies, now);
      const { ends, isNews } = plan.see(rollout);
      if (ends) onConverged(rollout, losses.end(mesh));
      if (isNews) onProgress(rollout, now);
    }
  }

  fleet.whenAcked?.(() => schedule(plan.acked(clock.monotonic())));
  return {
    changed: (meshes) => schedule(plan.changed(meshes, clock.monotonic())),
    watched: (isWatched) => schedule(plan.watched(isWatched, clock.monotonic())),
    close() {
      closed = true;
      cancel?.();
    },
  };
}
