import type { Writable } from 'node:stream';
import { createEventLog } from '../observe/log/log-events.ts';
import { logDescriptors } from '../observe/log/log-descriptors.ts';
import { createLogger } from '../observe/log/log.ts';
import { createChangeLog } from '../fleet/change-log.ts';
import { countStates } from '../fleet/rollout.ts';
import type { TracingEnvironment } from '../observe/tracing/tracing-environment.ts';
import { createMetrics } from '../observe/metrics/metrics.ts';
import type { ProxyStates } from '../observe/metrics/metrics.ts';
import { startAdminServers, pageAddress } from './admin-servers.ts';
import { createChangeRecord } from './change-record.ts';
import { systemClock } from '../runtime/clock.ts';
import { createFileReport, reportXdsFiles } from './file-report.ts';
import { createFrontend } from '../frontend/proxy-frontend.ts';
import type { ProxyFrontend } from '../frontend/proxy-frontend.ts';
import { createFindingTimes } from '../runtime/finding-changes.ts';
import type { PipelineView } from '../runtime/pipeline.ts';
import type { ServeOptions } from '../runtime/serve-options.ts';
import { startKubernetesStatus } from './kubernetes-status.ts';
import { keep, openLastGood, restore } from './last-good.ts';
import { startIdentityFiles } from './identity-files.ts';
import { createLiveEvents } from './live-events.ts';
import {
  startAccessLogs,
  startAdmissionWebhook,
  startBundleEndpoint,
  startFederation,
} from './optional-parts.ts';
import { createSourceDelivery } from './source-delivery.ts';
import { rehearseChanges } from './rehearse-changes.ts';
import { hadTrust, planSources, sourceNames } from './sources.ts';
import { createTrustPath } from './trust-path.ts';
import { followXdsAccess } from './xds-access.ts';
import { startWorkerPool } from '../frontend/workers/worker-pool.ts';
import { sleep } from '../xds/timers/timers.ts';

export interface ServeIo {
  /** The environment, which may name a collector of traces. */
  readonly env: TracingEnvironment;
  /** Aborted when the server has to drain and end. */
  readonly signal: AbortSignal;
  /** Receives the log. */
  readonly stdout: Writable & { readonly isTTY?: boolean };
  /** Whether a log for people has colours. Default: on a terminal. */
  readonly colour?: boolean | undefined;
}

/**
 * Builds all stages in the order of their dependencies, runs them until the signal is aborted, and drains them.
 * @throws {Error} if an address, a file or another thing that the options name cannot be used at the start.
 */
export async function serve(options: ServeOptions, { env, signal, stdout, colour }: ServeIo): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  const log = createLogger({ format: options.logFormat, level: options.logLevel, stream: stdout, colour });
  cleanup.use(logDescriptors(log));
  const sources = await planSources(options, log);
  const names = sourceNames(sources, options);

  const { reader, policy, parse, pipeline, own, followVouchers } = await createTrustPath(options, names, log);
  const view = (): PipelineView => pipeline.view();

  // What serves proxies, and what reports on it
  const report = createFileReport((findings) => pipeline.setFindings('files', () => findings));
  const xdsAccess = cleanup.use(await followXdsAccess(options, { log, report, view, now: systemClock.wall }));
  const { decide, onReviewed } = xdsAccess;
  const pool =
    options.workers > 1 ? await startWorkerPool({ count: options.workers, options, log, decide }) : undefined;
  const front: ProxyFrontend = pool ?? createFrontend(options, log, decide);
  cleanup.defer(() => front.drain(0));
  const eventLog = createEventLog({ log, proxies: front.proxies });
  const record = cleanup.use(
    await createChangeRecord({ version: options.version, env, log, proxies: front.proxies }),
  );
  const findingTimes = createFindingTimes(systemClock.wall);
  const changeLog = createChangeLog(systemClock.wall);
  const metrics = createMetrics({
    version: options.version,
    view,
    cache: reader.stats,
    caMetrics: options.caMetrics,
    workers: pool && (() => pool.collect()),
    proxies: () => proxyStatesOf(front),
    now: systemClock.wall,
  });
  onReviewed(metrics.tokenReviewed);
  const live = cleanup.use(
    createLiveEvents({
      fleet: front.fleet,
      view,
      clock: systemClock,
      onConverged: (rollout, gaveUp) => {
        record.converged(rollout, gaveUp);
        changeLog.converged(rollout, gaveUp);
      },
      onLost: record.lost,
      onFailed: (error) =>
        log.error(
          { event: 'rollout-unknown', err: error },
          'the proxies cannot be compared with the served version; trying again',
        ),
    }),
  );
  const xdsAddress = await front.listen({
    observers: [metrics.observer, eventLog.observer],
    authFailed: metrics.xdsAuthFailed,
    rehearseChanges,
  });

  // The state of an earlier run
  const lastGood = openLastGood(options, { pipeline, reader, metrics, log });
  cleanup.defer(() => lastGood?.flush());

  pipeline.subscribe((event) => {
    // Proxies before the log, which must not delay a change. The time until a proxy has it is measured from here on.
    metrics.state(event);
    const startedAt = systemClock.monotonic();
    if (event.kind === 'served') front.publish(event.states, event.since);
    else if (event.kind === 'readiness') front.setServing(event.readiness.kind === 'ready');
    else if (event.kind === 'granted') keep(event.source, event.paths, pipeline, lastGood);
    // After the first complete read of a source, its state can be complete without a change.
    if (event.kind !== 'granted') lastGood?.recheck();
    record.state(event, { startedAt, endedAt: systemClock.monotonic() });
    eventLog.state(event);
    findingTimes.state(event);
    changeLog.state(event);
    live.state(event);
  });
  cleanup.defer(() => pipeline.close());
  const { deliver } = cleanup.use(
    createSourceDelivery({
      apply(source, events) {
        if (events.length > 0) pipeline.deliver(source, events);
        // Not before: events that cannot be applied come again.
        metrics.sourceEvents(source, events);
      },
      clock: systemClock,
      log,
    }),
  );
  cleanup.use(followVouchers(pipeline));

  await policy.follow(pipeline, log);
  cleanup.use(policy);
  cleanup.use(await reportXdsFiles(options.tls, report));
  const federation = cleanup.use(
    await startFederation({
      options,
      pipeline,
      deliver,
      own,
      sources: names.local,
      policy: policy.current,
      clock: systemClock,
      log,
      metrics,
      report,
    }),
  );
  const restored = await restore(lastGood, pipeline, names.isKnown, log);

  const bundles = cleanup.use(
    await startBundleEndpoint(options.bundleEndpoint, {
      options,
      pipeline,
      draining: () => signal.aborted,
      metrics: metrics.bundles,
      log,
      report,
    }),
  );

  const accessLogs = cleanup.use(
    await startAccessLogs({ options, pipeline, decide, metrics: metrics.accessLogs, log }),
  );

  // The admin API and the probes
  const { adminAddress, probeAddress } = cleanup.use(
    await startAdminServers({
      options,
      metrics,
      report,
      xdsAccess,
      view,
      log,
      draining: () => signal.aborted,
      now: systemClock.monotonic,
      wall: systemClock.wall,
      changes: changeLog,
      proxies: front.proxies,
      proxyCounts: front.proxyCounts,
      fleet: front.fleet,
      findingSince: (found) => findingTimes.since(found),
      events: live.hub,
      distrusted: options.distrust === undefined ? undefined : () => policy.current().distrusted,
      identities: () => pipeline.identities(),
      federation,
      releaseSuperseded: (identity) => pipeline.releaseSuperseded(identity),
      bundleConsumers: bundles?.consumers,
      issuers: accessLogs?.issuers,
      releaseGuard: (selection) => pipeline.releaseGuard(selection),
    }),
  );
  log.info(
    {
      event: 'listening',
      xds: xdsAddress,
      admin: adminAddress,
      probes: probeAddress,
      dirs: options.dirs,
      kubernetes: options.kubernetes,
      version: options.version,
    },
    `page: ${pageAddress(adminAddress, options.adminTls !== undefined)}; proxies connect to ${xdsAddress}`,
  );

  // The cluster
  const status = cleanup.use(
    await startKubernetesStatus({
      options: options.kubernetes,
      pipeline,
      front,
      metrics: metrics.status,
      log,
    }),
  );
  pipeline.subscribe((event) => status?.state(event));
  const webhook = cleanup.use(
    await startAdmissionWebhook(options.webhook, {
      kubeconfig: options.kubernetes?.kubeconfig,
      pipeline,
      parse,
      policy: policy.current,
      metrics: metrics.webhook,
      log,
      report,
      federation,
      federationOptions: options.federation,
    }),
  );

  // Sources last: everything that they call exists now.
  const caFiles = startIdentityFiles(options.identities?.root, pipeline, deliver, names.local);
  cleanup.defer(() => caFiles?.close());
  for (const { start } of sources) {
    const source = start({
      deliver,
      hadTrust: (name) => hadTrust(name, restored),
      onHeads: (change) => status?.heads(change),
      onIdentityHeads: (change) => status?.identityHeads(change),
    });
    cleanup.defer(() => source.close());
  }

  await aborted(signal);
  log.info({ event: 'draining', graceMs: options.drainGrace }, 'draining: streams end after their grace');
  await Promise.all([
    front.drain(options.drainGrace),
    status?.stepDown(),
    // The API server calls the webhook until the cluster has learnt that this replica goes.
    webhook === undefined ? undefined : sleep(options.drainGrace),
  ]);
  await cleanup.disposeAsync();
  log.info({ event: 'ended' }, 'ended');
}

async function proxyStatesOf({ fleet }: Pick<ProxyFrontend, 'fleet'>): Promise<ProxyStates> {
  const look = await fleet.look();
  return { states: countStates(look, fleet.history, systemClock.wall()), forgotten: look.forgotten };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
