import type { Writable } from 'node:stream';
import { Registry } from 'prom-client';
import { createPublisher } from '../../trust/snapshot/publisher.ts';
import type { ServedMeshes } from '../../trust/snapshot/publisher.ts';
import { createAuthFailures } from '../../observe/metrics/auth-failures.ts';
import { combineObservers } from '../../observe/combine-observers.ts';
import { createConvergence } from '../../observe/metrics/convergence.ts';
import { createEventLog } from '../../observe/log/log-events.ts';
import { createLogger } from '../../observe/log/log.ts';
import { localLook } from '../../fleet/fleet.ts';
import { countAcks } from '../../fleet/rollout.ts';
import { createServedHistory } from '../../fleet/served-history.ts';
import type { ServedHistory } from '../../fleet/served-history.ts';
import { createFleetTracker } from '../../fleet/track-fleet.ts';
import type { FleetTracker } from '../../fleet/track-fleet.ts';
import { createXdsMetrics } from '../../observe/metrics/xds-metrics.ts';
import { createSnapshotStore } from '../../xds/index.ts';
import type { XdsObserver } from '../../xds/index.ts';
import { startXdsEndpoint } from '../xds-endpoint.ts';
import type { FromWorker, ToWorker, WorkerCount, WorkerOptions } from './messages.ts';
import { createCensus } from './roster.ts';
import { takeStates } from './share-states.ts';

/** The connection to the parent. */
export interface ParentChannel {
  readonly send: (message: FromWorker) => void;
  readonly onMessage: (listener: (message: ToWorker) => void) => void;
}

export interface WorkerIo {
  readonly parent: ParentChannel;
  readonly stdout: Writable & { readonly isTTY?: boolean };
}

/** How often the parent hears who is connected, in milliseconds. */
const censusMs = 200;
/** The same while proxies are lost, and nothing else happens. */
const lostCensusMs = 1_000;

/**
 * Serves proxies what the parent says, until it says to drain; resolves when that is done. All that it knows
 * comes from the parent, so any number of workers serve the same bytes.
 */
export async function runWorker({ parent, stdout }: WorkerIo): Promise<void> {
  const started = Promise.withResolvers<Extract<ToWorker, { kind: 'start' }>>();
  const drained = Promise.withResolvers<void>();
  let take: (message: ToWorker) => void = (message) => {
    if (message.kind === 'start') started.resolve(message);
  };
  parent.onMessage((message) => take(message));
  parent.send({ kind: 'up' });
  const { id, options } = await started.promise;
  const serving = await startServing(id, options, parent, stdout, drained.resolve).catch((error: unknown) => {
    parent.send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
    return undefined;
  });
  if (serving === undefined) return;
  ({ take } = serving);
  parent.send({ kind: 'listening', address: serving.address });
  await drained.promise;
}

async function startServing(
  id: number,
  options: WorkerOptions,
  parent: ParentChannel,
  stdout: WorkerIo['stdout'],
  onDrained: () => void,
): Promise<{ readonly address: string; readonly take: (message: ToWorker) => void }> {
  const log = createLogger({ format: options.logFormat, level: options.logLevel, stream: stdout }).child({
    worker: id,
  });
  const store = createSnapshotStore();
  const publish = createPublisher(store, { rootTrustDomain: options.rootTrustDomain });
  const tracker = createFleetTracker({ now: () => Date.now(), lostWindowMs: options.lostWindow });
  const history = createServedHistory({ rootTrustDomain: options.rootTrustDomain });
  const teller = tellCounts(parent, tracker, () => countsOf(tracker, history));
  const convergence = createConvergence();
  const registry = new Registry();
  let meshes: ServedMeshes = new Map();
  const isListed = (mesh: string): boolean => meshes.has(mesh);
  const metrics = createXdsMetrics({ registry, convergence, isListed, now: () => Date.now() });
  const { observer: logObserver } = createEventLog({ log, proxies: tracker.count });
  const endpoint = await startXdsEndpoint({
    options,
    store,
    log,
    authFailed: createAuthFailures(registry, 'xds'),
    observer: combineObservers([
      tracker.observer,
      metrics,
      logObserver,
      tellRefusals(parent),
      teller.observer,
    ]),
  });

  function take(message: ToWorker): void {
    switch (message.kind) {
      case 'start':
        return;
      case 'states':
        meshes = takeStates(meshes, message.deltas);
        convergence.served(meshes, message.since, Date.now());
        // First: what is acknowledged is compared with it.
        history.published(meshes, message.since, Date.now());
        publish(meshes);
        teller.changed();
        return parent.send({ kind: 'applied' });
      case 'serving':
        return endpoint.setServing(message.serving);
      case 'refused':
        for (const refusal of message.refusals) endpoint.noteRefusal(refusal);
        return;
      case 'collect':
        return void registry.getMetricsAsJSON().then((all) => parent.send({ kind: 'metrics', metrics: all }));
      case 'look': {
        const { connected, gone, forgotten } = localLook(tracker, message.mesh);
        return parent.send({ kind: 'fleet', connected: [...connected], gone: [...gone], forgotten });
      }
      case 'release':
        tracker.release(message.proxies);
        return teller.changed();
      case 'drain':
        return void endpoint.drain(message.graceMs).then(onDrained);
    }
  }
  return { address: endpoint.address, take };
}

/** Reports refusals to the parent: the proxy may come back to another worker, which must know. */
function tellRefusals(parent: ParentChannel): XdsObserver {
  return {
    nacked: ({ nodeId, origin }, { typeUrl, resources }) => {
      const refusals = resources.flatMap(({ name, version }) =>
        version === undefined ? [] : [{ nodeId, origin, typeUrl, name, version }],
      );
      if (nodeId !== '') parent.send({ kind: 'refused', refusals });
    },
  };
}

/** Tells how many are connected and have what is served, some time after it changed: thousands do at once. */
function tellCounts(
  parent: ParentChannel,
  tracker: FleetTracker,
  counts: () => ReadonlyMap<string, WorkerCount>,
): { readonly observer: XdsObserver; readonly changed: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const census = createCensus(tracker);
  const changed = (): void => {
    timer ??= setTimeout(tell, censusMs).unref();
  };
  const tell = (): void => {
    timer = undefined;
    const proxies = counts();
    parent.send({ kind: 'proxies', proxies, change: census(Date.now()) });
    // That a lost proxy is given up happens without an event.
    if (proxies.values().some(({ lost }) => lost > 0)) timer = setTimeout(tell, lostCensusMs).unref();
  };
  return {
    changed,
    observer: {
      // The mesh is known from the first request on.
      request: (_, { kind }) => {
        if (kind === 'initial') changed();
      },
      acked: changed,
      quoted: changed,
      nacked: changed,
      dropped: changed,
      streamClosed: changed,
    },
  };
}

function countsOf(tracker: FleetTracker, history: ServedHistory): ReadonlyMap<string, WorkerCount> {
  const counts = countAcks(localLook(tracker), history, Date.now());
  return new Map(
    [...counts].map(([mesh, count]) => [
      mesh,
      { version: history.versions(mesh)?.[0]?.version ?? '', ...count },
    ]),
  );
}
