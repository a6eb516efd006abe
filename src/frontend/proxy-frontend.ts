import type { DecideAccess } from '../access/claim.ts';
import type { HandshakeFailure } from '../net/handshake-failure.ts';
import { createPublisher } from '../trust/snapshot/publisher.ts';
import type { ServedMeshes } from '../trust/snapshot/publisher.ts';
import { localFleet, localLook } from '../fleet/fleet.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { countAcks } from '../fleet/rollout.ts';
import type { AckCount } from '../fleet/rollout.ts';
import { createAckCounter } from '../fleet/count-acks.ts';
import { createServedHistory } from '../fleet/served-history.ts';
import { createFleetTracker } from '../fleet/track-fleet.ts';
import type { Logger } from '../observe/log/log.ts';
import { combineObservers, createSnapshotStore } from '../xds/index.ts';
import type { XdsObserver } from '../xds/index.ts';
import { systemClock } from '../runtime/clock.ts';
import type { ProxyOptions } from '../runtime/serve-options.ts';
import { startXdsEndpoint } from './xds-endpoint.ts';
import type { XdsEndpoint } from './xds-endpoint.ts';
import type { RehearseChanges } from './warm-up/rehearsal.ts';

/** Serves proxies, in this process or in workers. */
export interface ProxyFrontend {
  /**
   * Listens for proxies, and returns the address. The observers are called for the streams of this process; workers
   * have observers of their own.
   * @throws {Error} when it cannot listen on the address, or TLS cannot be set up.
   */
  listen(streams: StreamObservers): Promise<string>;
  /** Serves these states from now on. `since`: when the first cause of the change arrived, in epoch milliseconds. */
  publish(states: ServedMeshes, since: number): void;
  setServing(serving: boolean): void;
  /** Returns the number of connected proxies of a mesh. */
  readonly proxies: (mesh: string) => number;
  /** Returns the number of connected proxies by mesh, also of meshes that are not served. */
  readonly proxyCounts: () => ReadonlyMap<string, number>;
  /** Returns, by mesh, the number of connected proxies and of those that have acknowledged the served version. */
  acks(): ReadonlyMap<string, AckCount>;
  readonly fleet: Fleet;
  /** Health reports NOT_SERVING at once; streams end after the grace, in milliseconds. */
  drain(graceMs: number): Promise<void>;
}

/** The observers of the streams of this process. */
interface StreamObservers {
  readonly observers: readonly XdsObserver[];
  /** Called for each proxy that TLS rejected. */
  readonly authFailed: (failure: HandshakeFailure) => void;
  /** Where the changes of the warm-up come from, if this process has the streams. */
  readonly rehearseChanges?: RehearseChanges | undefined;
}

/** Creates a front end that serves proxies in this process. It has no proxies before it listens. */
export function createFrontend(options: ProxyOptions, log: Logger, decide?: DecideAccess): ProxyFrontend {
  const now = systemClock.wall;
  const history = createServedHistory({ rootTrustDomain: options.rootTrustDomain });
  const tracker = createFleetTracker({ now, lostWindowMs: options.lostWindow, history });
  const acks = createAckCounter();
  const store = createSnapshotStore();
  const publish = createPublisher(store, { rootTrustDomain: options.rootTrustDomain });
  let endpoint: XdsEndpoint | undefined;
  return {
    async listen({ observers, authFailed, rehearseChanges }) {
      const observer = combineObservers([tracker.observer, ...observers, acks.observer]);
      const given = { options, store, log, observer, authFailed, decide, rehearseChanges };
      endpoint = await startXdsEndpoint(given);
      return endpoint.address;
    },
    publish: (states, since) => {
      // History first: acknowledgements are compared with it.
      history.published(states, since, now());
      acks.publishing();
      publish(states);
    },
    setServing: (serving) => endpoint?.setServing(serving),
    proxies: tracker.count,
    proxyCounts: tracker.counts,
    acks: () => countAcks(localLook(tracker), history, now()),
    fleet: localFleet(tracker, history, acks),
    drain: async (graceMs) => endpoint?.drain(graceMs),
  };
}
