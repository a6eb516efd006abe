import type { Writable } from 'node:stream';
import { Registry } from 'prom-client';
import { createPublisher } from '../../trust/snapshot/publisher.ts';
import type { ServedMeshes } from '../../trust/snapshot/publisher.ts';
import { countDenied, createAuthFailures } from '../../observe/metrics/auth-failures.ts';
import { createConvergence } from '../../observe/metrics/convergence.ts';
import { createEventLog } from '../../observe/log/log-events.ts';
import { logDescriptors } from '../../observe/log/log-descriptors.ts';
import { createLogger } from '../../observe/log/log.ts';
import { localLook } from '../../fleet/fleet.ts';
import { countAcks } from '../../fleet/rollout.ts';
import { createServedHistory } from '../../fleet/served-history.ts';
import type { ServedHistory } from '../../fleet/served-history.ts';
import { createFleetTracker } from '../../fleet/track-fleet.ts';
import type { FleetTracker } from '../../fleet/track-fleet.ts';
import { createXdsMetrics } from '../../observe/metrics/xds-metrics.ts';
import { systemClock } from '../../runtime/clock.ts';
import { combineObservers, createSnapshotStore } from '../../xds/index.ts';
import type { XdsObserver } from '../../xds/index.ts';
import { reasonWithPlace } from '../../text/system-error.ts';
import { startXdsEndpoint } from '../xds-endpoint.ts';
import { askParent } from './ask-parent.ts';
import type { FromWorker, ToWorker, WorkerCount } from './messages.ts';
import { reportCounts } from './report-counts.ts';
import { applyStates } from './share-states.ts';

/** The connection to the parent. */
interface ParentChannel {
  readonly send: (message: FromWorker) => void;
  readonly onMessage: (listener: (message: ToWorker) => void) => void;
}

export interface WorkerIo {
  readonly parent: ParentChannel;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  /** Whether a log for people has colours. Default: on a terminal. */
  readonly colour?: boolean | undefined;
}

/**
 * Serves the states that the parent sends, until the parent requests a drain; resolves when the drain is done. All
 * its state comes from the parent, so any number of workers serve the same bytes.
 */
export async function runWorker({ parent, ...output }: WorkerIo): Promise<void> {
  const started = Promise.withResolvers<Extract<ToWorker, { kind: 'start' }>>();
  const drained = Promise.withResolvers<void>();
  let take: (message: ToWorker) => void = (message) => {
    if (message.kind === 'start') started.resolve(message);
  };
  parent.onMessage((message) => take(message));
  parent.send({ kind: 'up' });
  const start = await started.promise;
  const serving = await startServing(start, parent, output, drained.resolve).catch((error: unknown) => {
    parent.send({ kind: 'failed', message: reasonWithPlace(error) });
    return undefined;
  });
  if (serving === undefined) return;
  ({ take } = serving);
  parent.send({ kind: 'listening', address: serving.address });
  await drained.promise;
}

async function startServing(
  { id, options, asks }: Extract<ToWorker, { kind: 'start' }>,
  parent: ParentChannel,
  { stdout, colour }: Pick<WorkerIo, 'stdout' | 'colour'>,
  onDrained: () => void,
): Promise<{ readonly address: string; readonly take: (message: ToWorker) => void }> {
  const log = createLogger({
    format: options.logFormat,
    level: options.logLevel,
    stream: stdout,
    colour,
  }).child({
    worker: id,
  });
  logDescriptors(log);
  const store = createSnapshotStore();
  const publish = createPublisher(store, { rootTrustDomain: options.rootTrustDomain });
  const history = createServedHistory({ rootTrustDomain: options.rootTrustDomain });
  const tracker = createFleetTracker({ now: systemClock.wall, lostWindowMs: options.lostWindow, history });
  const reporter = reportCounts(parent.send, tracker, () => countsOf(tracker, history));
  const convergence = createConvergence();
  const registry = new Registry();
  let meshes: ServedMeshes = new Map();
  const metrics = createXdsMetrics({ registry, convergence, now: systemClock.wall });
  const { observer: logObserver } = createEventLog({ log, proxies: tracker.count, logsProxies: false });
  const authFailed = createAuthFailures(registry, 'xds');
  const decisions = asks ? askParent(parent.send) : undefined;
  const endpoint = await startXdsEndpoint({
    options,
    decide: decisions?.decide,
    store,
    log,
    authFailed,
    observer: combineObservers([
      tracker.observer,
      metrics,
      countDenied(authFailed),
      logObserver,
      reportRefusals(parent),
      reporter.observer,
    ]),
  });

  function take(message: ToWorker): void {
    switch (message.kind) {
      case 'start':
        return;
      case 'states':
        meshes = applyStates(meshes, message.deltas);
        convergence.served(meshes, message.since, Date.now());
        // History first: acknowledgements are compared with it.
        history.published(meshes, message.since, Date.now());
        publish(meshes);
        reporter.changed();
        return parent.send({ kind: 'applied' });
      case 'serving':
        return endpoint.setServing(message.serving);
      case 'ask-alive':
        return parent.send({ kind: 'alive' });
      case 'refused':
        for (const refusal of message.refusals) endpoint.noteRefusal(refusal);
        return;
      case 'decided':
        return decisions?.decided(message);
      case 'collect':
        return void registry.getMetricsAsJSON().then((all) => parent.send({ kind: 'metrics', metrics: all }));
      case 'look': {
        const { connected, gone, forgotten, unlisted } = localLook(tracker, message.mesh);
        return parent.send({
          kind: 'fleet',
          connected: [...connected],
          gone: [...gone],
          forgotten,
          unlisted,
        });
      }
      case 'release':
        tracker.release(message.proxies);
        return reporter.changed();
      case 'drain':
        return void endpoint.drain(message.graceMs).then(onDrained);
    }
  }
  return { address: endpoint.address, take };
}

/** Reports NACKs to the parent: the proxy may reconnect to another worker, which must know them. */
function reportRefusals(parent: ParentChannel): XdsObserver {
  return {
    nacked: ({ nodeId, origin }, { typeUrl, resources }) => {
      const refusals = resources.flatMap(({ name, version }) =>
        version === undefined ? [] : [{ nodeId, origin, typeUrl, name, version }],
      );
      if (nodeId !== '') parent.send({ kind: 'refused', refusals });
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
