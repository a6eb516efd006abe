import type { Writable } from 'node:stream';
import { Registry } from 'prom-client';
import { createPublisher } from '../../snapshot/publisher.ts';
import type { ServedMeshes } from '../../snapshot/publisher.ts';
import { createAuthFailures } from '../../telemetry/auth-failures.ts';
import { combineObservers } from '../../telemetry/combine-observers.ts';
import { createConvergence } from '../../telemetry/convergence.ts';
import { createEventLog } from '../../telemetry/log-events.ts';
import { createLogger } from '../../telemetry/log.ts';
import { createFleetTracker } from '../../telemetry/fleet/track-fleet.ts';
import { createXdsMetrics } from '../../telemetry/xds-metrics.ts';
import { createSnapshotStore } from '../../xds/index.ts';
import type { XdsObserver } from '../../xds/index.ts';
import { startXdsEndpoint } from '../xds-endpoint.ts';
import type { FromWorker, ToWorker, WorkerOptions } from './messages.ts';
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
  const tracker = createFleetTracker(() => Date.now());
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
      tellProxies(parent, tracker.counts),
    ]),
  });

  function take(message: ToWorker): void {
    switch (message.kind) {
      case 'start':
        return;
      case 'states':
        meshes = takeStates(meshes, message.deltas);
        convergence.served(meshes, message.since, Date.now());
        publish(meshes);
        return parent.send({ kind: 'applied' });
      case 'serving':
        return endpoint.setServing(message.serving);
      case 'refused':
        for (const refusal of message.refusals) endpoint.noteRefusal(refusal);
        return;
      case 'collect':
        return void registry.getMetricsAsJSON().then((all) => parent.send({ kind: 'metrics', metrics: all }));
      case 'look':
        return parent.send({
          kind: 'fleet',
          connected: [...tracker.connected(message.mesh)],
          gone: [...tracker.gone()],
        });
      case 'drain':
        return void endpoint.drain(message.graceMs).then(onDrained);
    }
  }
  return { address: endpoint.address, take };
}

/** A proxy that refused something may come back to another worker, which must know. */
function tellRefusals(parent: ParentChannel): XdsObserver {
  return {
    nacked: ({ nodeId }, { typeUrl, resources }) => {
      const refusals = resources.flatMap(({ name, version }) =>
        version === undefined ? [] : [{ nodeId, typeUrl, name, version }],
      );
      if (nodeId !== '') parent.send({ kind: 'refused', refusals });
    },
  };
}

/** Tells who is connected, some time after it changed: thousands come and go at once. */
function tellProxies(parent: ParentChannel, byMesh: () => ReadonlyMap<string, number>): XdsObserver {
  let timer: NodeJS.Timeout | undefined;
  const changed = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      parent.send({ kind: 'proxies', proxies: byMesh() });
    }, censusMs).unref();
  };
  return {
    // The mesh is known from the first request on.
    request: (_, { kind }) => {
      if (kind === 'initial') changed();
    },
    streamClosed: changed,
  };
}
