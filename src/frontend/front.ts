import type { HandshakeFailure } from '../net/handshake-failure.ts';
import { createPublisher } from '../trust/snapshot/publisher.ts';
import type { ServedMeshes } from '../trust/snapshot/publisher.ts';
import { combineObservers } from '../observe/combine-observers.ts';
import { localFleet } from '../fleet/fleet.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { ackCountOf, countStates } from '../fleet/rollout.ts';
import type { AckCount } from '../fleet/rollout.ts';
import { createServedHistory } from '../fleet/served-history.ts';
import { createFleetTracker } from '../fleet/track-fleet.ts';
import type { Logger } from '../observe/log/log.ts';
import { createSnapshotStore } from '../xds/index.ts';
import type { XdsObserver } from '../xds/index.ts';
import { systemClock } from '../runtime/clock.ts';
import type { ServeOptions } from '../runtime/serve-options.ts';
import { startXdsEndpoint } from './xds-endpoint.ts';

/** What proxies are connected to: this process, or workers. */
export interface Front {
  /** The address it listens on. */
  readonly address: string;
  /** Serves this from now on. `since`: when the first cause of the change came in, epoch milliseconds. */
  publish(states: ServedMeshes, since: number): void;
  setServing(serving: boolean): void;
  /** Connected proxies of a mesh. */
  proxies(mesh: string): number;
  /** Connected proxies by mesh, and how many of them have what is served. */
  acks(): ReadonlyMap<string, AckCount>;
  readonly fleet: Fleet;
  /** Health says NOT_SERVING at once; streams end after the grace, in milliseconds. */
  drain(graceMs: number): Promise<void>;
}

/** Serves proxies in this process. */
export async function startFront(
  options: ServeOptions,
  log: Logger,
  observers: readonly XdsObserver[],
  authFailed: (failure: HandshakeFailure) => void = () => undefined,
): Promise<Front> {
  const now = (): number => systemClock.wall();
  const tracker = createFleetTracker({ now, lostWindowMs: options.lostWindow });
  const history = createServedHistory({ rootTrustDomain: options.rootTrustDomain });
  const store = createSnapshotStore();
  const observer = combineObservers([tracker.observer, ...observers]);
  const endpoint = await startXdsEndpoint({ options, store, log, observer, authFailed });
  const publish = createPublisher(store, { rootTrustDomain: options.rootTrustDomain });
  return {
    address: endpoint.address,
    publish: (states, since) => {
      // First: what is acknowledged is compared with it.
      history.published(states, since, now());
      publish(states);
    },
    setServing: (serving) => endpoint.setServing(serving),
    proxies: tracker.count,
    acks: () =>
      new Map(
        countStates({ connected: tracker.connected(), gone: tracker.gone() }, history, now())
          .entries()
          .map(([mesh, states]) => [mesh, ackCountOf(states, tracker.forgotten().count)]),
      ),
    fleet: localFleet(tracker, history),
    drain: (graceMs) => endpoint.drain(graceMs),
  };
}
