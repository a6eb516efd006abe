import { createEventHub } from '../admin/event-hub.ts';
import type { EventHub } from '../admin/event-hub.ts';
import { presentRollout } from '../api/present-fleet.ts';
import type { ServerEvent } from '../api/event-types.ts';
import { countFindings } from '../trust/findings/finding.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Rollout } from '../fleet/rollout.ts';
import type { StateEvent, StateView } from '../runtime/state-view.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Loss } from '../fleet/follow-losses.ts';
import { followRollouts } from '../fleet/follow-rollouts.ts';

export interface LiveEventsOptions {
  readonly fleet: Fleet;
  readonly view: () => StateView;
  readonly clock: Clock;
  /** Called when every connected proxy has a change. `gaveUp` is the number of lost proxies that did not get it. */
  readonly onConverged: (rollout: Rollout, gaveUp: number) => void;
  readonly onLost: (loss: Loss) => void;
  /** Called when the proxies could not be compared with a roll-out. They are compared again. */
  readonly onFailed: (error: unknown) => void;
}

/** The events that clients of the admin API receive. */
export interface LiveEvents extends Disposable {
  readonly hub: EventHub;
  state(event: StateEvent): void;
}

/** Follows each roll-out to its end, and publishes its progress. */
export function createLiveEvents({
  fleet,
  view,
  clock,
  onConverged,
  onLost,
  onFailed,
}: LiveEventsOptions): LiveEvents {
  const hub = createEventHub({ onClients: (clients) => follower.watched(clients > 0) });
  const follower = followRollouts({
    fleet,
    clock,
    onConverged,
    onLost,
    onFailed,
    onProgress: (rollout, now) =>
      hub.publish(`rollout ${rollout.mesh}`, 'rollout', presentRollout(rollout, now)),
  });
  let changes = 0;
  return {
    hub,
    state(event) {
      if (event.kind === 'granted') return;
      if (event.kind === 'served') follower.changed(event.changes.map(({ mesh }) => mesh));
      changes += 1;
      hub.publish('state', 'state', serverEventOf(view(), changes));
    },
    [Symbol.dispose]: () => follower.close(),
  };
}

/** Returns the event for a change of the server's state. `changes` is the number of changes so far. */
function serverEventOf({ readiness, findings, ledger }: StateView, changes: number): ServerEvent {
  return {
    changes,
    readiness: readiness.kind,
    findings: countFindings(findings),
    held: ledger.held.length,
  };
}
