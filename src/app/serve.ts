import type { Writable } from 'node:stream';
import { createAdminServer, createProbeServer } from '../admin/admin-server.ts';
import type { HttpEdge } from '../admin/http-edge.ts';
import { loadPage } from '../admin/page-assets.ts';
import type { BundlePolicy } from '../trust/bundle/trust-bundle.ts';
import { createLedger } from '../trust/ledger/ledger.ts';
import { createMeshBuilder } from '../trust/snapshot/mesh-builder.ts';
import type { StatusEdge } from '../kubernetes/status/start-status.ts';
import { createEventLog } from '../observe/log/log-events.ts';
import { createLogger } from '../observe/log/log.ts';
import type { Logger } from '../observe/log/log.ts';
import { countStates } from '../fleet/rollout.ts';
import { createMetrics } from '../observe/metrics/metrics.ts';
import { createAnchorReader } from '../trust/x509/anchor-reader.ts';
import { followAdminAccess } from './admin-access.ts';
import { startAdmissionWebhook } from './admission-webhook.ts';
import { createChangeRecord } from './change-record.ts';
import { systemClock } from '../runtime/clock.ts';
import { distrustedBy } from '../trust/policy/distrust.ts';
import type { DistrustState } from '../trust/policy/distrust.ts';
import { followDistrustFile } from '../runtime/state/distrust-file.ts';
import { distrustFindings } from '../trust/policy/distrust-findings.ts';
import { startFront } from '../frontend/front.ts';
import type { Front } from '../frontend/front.ts';
import { createLastGoodStore } from '../runtime/state/last-good-store.ts';
import type { LastGoodStore } from '../runtime/state/last-good-store.ts';
import { createPipeline } from '../runtime/pipeline.ts';
import type { Pipeline, PipelineEvent, PipelineView } from '../runtime/pipeline.ts';
import type { ServeOptions } from '../runtime/serve-options.ts';
import { startKubernetesStatus } from './kubernetes-status.ts';
import { createLiveEvents } from './live-events.ts';
import { planSources } from './sources.ts';
import { startWorkerPool } from '../frontend/workers/worker-pool.ts';
import { sleep } from '../xds/timers/timers.ts';

export interface ServeIo {
  /** Aborted when the server is to drain and end. */
  readonly signal: AbortSignal;
  /** Takes the log. */
  readonly stdout: Writable & { readonly isTTY?: boolean };
}

/**
 * Builds the graph of all stages, runs it until the signal is aborted, and drains it.
 * @throws {Error} when something that was asked for cannot be had at the start: an address, TLS, a list.
 */
export async function serve(options: ServeOptions, { signal, stdout }: ServeIo): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  const log = createLogger({ format: options.logFormat, level: options.logLevel, stream: stdout });
  let status: StatusEdge | undefined = undefined;
  // Objects come when the sources are started, after all else.
  const sources = await planSources(options, log, (change) => status?.heads(change));
  const reader = createAnchorReader({ maxBytes: options.cacheBytes });
  const secretOptions = { rootTrustDomain: options.rootTrustDomain };
  const policyOf = (hashes: ReadonlySet<string>): BundlePolicy => ({
    distrusted: distrustedBy(hashes),
    refuseIntermediates: options.refuseIntermediates ?? false,
  });
  let policy = policyOf(new Set());
  // Proxies come when something is served, and are asked about then: the front is long there.
  const eventLog = createEventLog({ log, proxies: (mesh) => front.proxies(mesh) });
  const record = cleanup.use(
    await createChangeRecord({ options, log, proxies: (mesh) => front.proxies(mesh) }),
  );
  const { workers: count } = options;
  const pool = count > 1 ? await startWorkerPool({ count, options, log }) : undefined;
  // The view is asked for at scrapes, when the pipeline below is long there.
  const view = (): PipelineView => pipeline.view();
  const metrics = createMetrics({
    version: options.version,
    view,
    cache: reader.stats,
    caMetrics: options.caMetrics,
    snapshotAge: () => (lastGood?.behindMs() ?? 0) / 1000,
    workers: pool && (() => pool.collect()),
    proxies: async () => {
      const look = await front.fleet.look();
      const states = countStates(look, front.fleet.history, systemClock.wall());
      return { states, forgotten: look.forgotten };
    },
  });
  const front: Front =
    pool ?? (await startFront(options, log, [metrics.observer, eventLog.observer], metrics.xdsAuthFailed));
  cleanup.defer(() => front.drain(0));
  const live = cleanup.use(
    createLiveEvents({
      fleet: front.fleet,
      view,
      clock: systemClock,
      onConverged: (rollout, gaveUp) => record.converged(rollout, gaveUp),
      onLost: (loss) => record.lost(loss),
    }),
  );

  const observe = (event: PipelineEvent): void => {
    // Proxies before the log, which must not hold a change up; what is sent is measured from here on.
    metrics.state(event);
    const startedAt = systemClock.monotonic();
    if (event.kind === 'served') front.publish(event.states, event.since);
    else if (event.kind === 'readiness') front.setServing(event.readiness.kind === 'ready');
    else if (event.kind === 'granted') keep(event.source, event.paths, pipeline, lastGood);
    record.state(event, { startedAt, endedAt: systemClock.monotonic() });
    eventLog.state(event);
    live.state(event);
    if (event.kind === 'served') status?.served();
    else status?.changed();
  };
  const parse = {
    defaultMesh: options.defaultMesh,
    limits: { documentLength: options.maxDocumentBytes, certificatesPerResource: options.maxCertificates },
  };
  const pipeline: Pipeline = createPipeline({
    ledger: createLedger(
      sources.map(({ name }) => name),
      { holdMs: options.guardHold },
    ),
    builder: createMeshBuilder(policy, secretOptions),
    parse: { ...parse, reader },
    guardHoldMs: options.guardHold,
    clock: systemClock,
    observe,
  });
  cleanup.defer(() => pipeline.close());
  const lastGood =
    options.stateDir === undefined
      ? undefined
      : createLastGoodStore({
          directory: options.stateDir,
          reader,
          clock: systemClock,
          mayWrite: () => pipeline.held().length === 0,
          onError: (message, error) => log.error({ event: 'state-dir', err: error }, message),
          onWrite: metrics.stateWrite,
        });
  const setDistrusted = (list: DistrustState): void => {
    policy = policyOf(list.hashes);
    const file = options.distrust ?? '';
    pipeline.setPolicy(policy, (meshes) => distrustFindings(file, list, meshes));
  };
  const distrust =
    options.distrust === undefined
      ? undefined
      : await followDistrustFile(options.distrust, log, setDistrusted);
  cleanup.defer(() => distrust?.close());
  cleanup.defer(() => lastGood?.flush());
  if (distrust !== undefined) setDistrusted(distrust.state);
  await restore(lastGood, pipeline, new Set(sources.map(({ name }) => name)), log);

  const edgeInput = { view, metrics, log, draining: () => signal.aborted, now: systemClock.monotonic };
  const { access } = cleanup.use(await followAdminAccess(options, log, () => admin.renewTls()));
  const admin: HttpEdge = createAdminServer({
    ...edgeInput,
    version: options.version,
    access: { ...access, failed: metrics.adminAuthFailed },
    proxies: (mesh) => front.proxies(mesh),
    fleet: front.fleet,
    wall: systemClock.wall,
    events: live.hub,
    page: await loadPage(),
    releaseGuard: (selection) => pipeline.releaseGuard(selection),
  });
  const probes = options.probeListen === undefined ? undefined : createProbeServer(edgeInput);
  cleanup.defer(() => admin.close());
  cleanup.defer(() => probes?.close());
  const adminAddress = await admin.listen(options.adminListen);
  const probeAddress = await probes?.listen(options.probeListen ?? '');
  log.info(
    {
      event: 'listening',
      xds: front.address,
      admin: adminAddress,
      probes: probeAddress,
      dirs: options.dirs,
      kubernetes: options.kubernetes,
      version: options.version,
    },
    `serving proxies on ${front.address}, admin on ${adminAddress}`,
  );
  status = await startKubernetesStatus({
    options: options.kubernetes,
    pipeline,
    front,
    metrics: metrics.status,
    log,
  });
  cleanup.defer(() => status?.close());
  const webhook = await startAdmissionWebhook({
    options: options.webhook,
    kubeconfig: options.kubernetes?.kubeconfig,
    pipeline,
    parse,
    policy: () => policy,
    metrics: metrics.webhook,
    log,
  });
  cleanup.defer(() => webhook?.close());
  for (const { start } of sources) {
    const source = start((name, events) => {
      metrics.sourceEvents(name, events);
      if (events.length > 0) pipeline.deliver(name, events);
    });
    cleanup.defer(() => source.close());
  }

  await aborted(signal);
  log.info({ event: 'draining', graceMs: options.drainGrace }, 'draining: streams end after their grace');
  await Promise.all([
    front.drain(options.drainGrace),
    status?.stepDown(),
    // Until the cluster has learnt that this replica goes, the API server asks it all the same.
    webhook === undefined ? undefined : sleep(options.drainGrace),
  ]);
  await cleanup.disposeAsync();
  log.info({ event: 'ended' }, 'ended');
}

/** Has what the paths give now kept for the next start. */
function keep(
  source: string,
  paths: readonly string[],
  pipeline: Pipeline,
  store: LastGoodStore | undefined,
): void {
  if (store === undefined) return;
  for (const path of paths) store.save({ source, path, grants: pipeline.grantsOf(source, path) });
}

async function restore(
  store: LastGoodStore | undefined,
  pipeline: Pipeline,
  sources: ReadonlySet<string>,
  log: Logger,
): Promise<void> {
  const states = await store?.load().catch((error: unknown) => {
    throw new Error(`the state directory cannot be used: ${String(error)}`, { cause: error });
  });
  for (const [source, group] of Map.groupBy(states ?? [], (state) => state.source)) {
    if (!sources.has(source)) {
      const text = `what was kept of ${source} is left out: it is no longer among the sources`;
      log.warn({ event: 'state-dir', source, paths: group.length }, text);
      continue;
    }
    pipeline.restore(
      source,
      group.map(({ path, grants }) => ({ kind: 'restored', path, grants })),
    );
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
