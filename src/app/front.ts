import { createPublisher } from '../snapshot/publisher.ts';
import type { ServedMeshes } from '../snapshot/publisher.ts';
import { createAckTally } from '../telemetry/ack-tally.ts';
import type { AckCount } from '../telemetry/ack-tally.ts';
import { combineObservers } from '../telemetry/combine-observers.ts';
import type { Logger } from '../telemetry/log.ts';
import { createProxyCensus } from '../telemetry/proxy-census.ts';
import { createSnapshotStore } from '../xds/index.ts';
import type { XdsObserver } from '../xds/index.ts';
import type { ServeOptions } from './serve-options.ts';
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
  /** Connected proxies by mesh, and how many of them have what is served; undefined: not known. */
  acks(): ReadonlyMap<string, AckCount> | undefined;
  /** Health says NOT_SERVING at once; streams end after the grace, in milliseconds. */
  drain(graceMs: number): Promise<void>;
}

/** Serves proxies in this process. */
export async function startFront(
  options: ServeOptions,
  log: Logger,
  observers: readonly XdsObserver[],
): Promise<Front> {
  const census = createProxyCensus();
  const tally = createAckTally();
  const store = createSnapshotStore();
  const observer = combineObservers([census.observer, tally.observer, ...observers]);
  const endpoint = await startXdsEndpoint({ options, store, log, observer });
  const publish = createPublisher(store, { rootTrustDomain: options.rootTrustDomain });
  return {
    address: endpoint.address,
    publish: (states) => {
      tally.published(states);
      publish(states);
    },
    setServing: (serving) => endpoint.setServing(serving),
    proxies: census.proxies,
    acks: () => tally.byMesh(),
    drain: (graceMs) => endpoint.drain(graceMs),
  };
}
