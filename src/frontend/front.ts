import type { HandshakeFailure } from '../net/handshake-failure.ts';
import { createPublisher } from '../trust/snapshot/publisher.ts';
import type { ServedMeshes } from '../trust/snapshot/publisher.ts';
import { combineObservers } from '../observe/combine-observers.ts';
import { localFleet, localLook } from '../fleet/fleet.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { countAcks } from '../fleet/rollout.ts';
import type { AckCount } from '../fleet/rollout.ts';
import { createServedHistory } from '../fleet/served-history.ts';
import { createFleetTracker } from '../fleet/track-fleet.ts';
import type { Logger } from '../observe/log/log.ts';
import { createSnapshotStore } from '../xds/index.ts';
import type { XdsObserver } from '../xds/index.ts';
import { systemClock } from '../runtime/clock.ts';
import type { ProxyOptions } from '../runtime/serve-options.ts';
import { startXdsEndpoint } from './xds-endpoint.ts';
import type { XdsEndpoint } from './xds-endpoint.ts';

/** What serves proxies: this process, or workers. */
export interface Front {
  /**
   * Listens for proxies, and returns the address. The observers are called for the streams of this process; workers
   * have observers of their own.
   * @throws {Error} when the address or TLS cannot be had.
   */
  listen(streams: StreamObservers): Promise<string>;
  /** Serves these states from now on. `since`: when the first cause of the change arrived, in epoch milliseconds. */
  publish(states: ServedMeshes, since: number): void;
  setServing(serving: boolean): void;
  /** Returns the number of connected proxies of a mesh. */
  readonly proxies: (mesh: string) => number;
  /** Connected proxies by mesh, and how many of them have acknowledged the served version. */
  acks(): ReadonlyMap<string, AckCount>;
  readonly fleet: Fleet;
  /** Health reports NOT_SERVING at once; streams end after the grace, in milliseconds. */
  drain(graceMs: number): Promise<void>;
}

/** Who is called for what happens on the streams of this process. */
export interface StreamObservers {
  readonly observers: readonly XdsObserver[];
  /** Called for each proxy that TLS rejected. */
  readonly authFailed: (failure: HandshakeFailure) => void;
}

/** Makes a front that serves proxies in this process. It knows of none before it listens. */
export function createFront(options: ProxyOptions, log: Logger): Front {
  const now = (): number => systemClock.wall();
  const tracker = createFleetTracker({ now, lostWindowMs: options.lostWindow });
  const history = createServedHistory({ rootTrustDomain: options.rootTrustDomain });
  const store = createSnapshotStore();
  const publish = createPublisher(store, { rootTrustDomain: options.rootTrustDomain });
  let endpoint: XdsEndpoint | undefined;
  return {
    async listen({ observers, authFailed }) {
      const observer = combineObservers([tracker.observer, ...observers]);
      endpoint = await startXdsEndpoint({ options, store, log, observer, authFailed });
      return endpoint.address;
    },
    publish: (states, since) => {
      // History first: acknowledgements are compared with it.
      history.published(states, since, now());
      publish(states);
    },
    setServing: (serving) => endpoint?.setServing(serving),
    proxies: tracker.count,
    acks: () => countAcks(localLook(tracker), history, now()),
    fleet: localFleet(tracker, history),
    drain: async (graceMs) => endpoint?.drain(graceMs),
  };
}
