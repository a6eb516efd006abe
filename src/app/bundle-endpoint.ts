import { createBundleServer } from '../bundle-endpoint/bundle-server.ts';
import type { ConsumerList } from '../api/consumer-api-types.ts';
import { createConsumerList } from '../bundle-endpoint/core/consumers.ts';
import { readEndpointSvid } from '../bundle-endpoint/core/endpoint-certificate.ts';
import { consumersOf } from '../bundle-endpoint/core/observe-fetch.ts';
import { presentConsumers } from '../bundle-endpoint/core/present-consumers.ts';
import { createPublishedBundles } from '../bundle-endpoint/core/published-bundles.ts';
import { openSequenceFile } from '../bundle-endpoint/sequence-file.ts';
import { followTlsFiles } from '../net/follow-tls-files.ts';
import type { TlsMaterial } from '../net/tls-material.ts';
import { logAcceptErrors } from '../observe/log/log-accept-errors.ts';
import { logTlsFiles } from '../observe/log/log-tls-files.ts';
import type { Logger } from '../observe/log/log.ts';
import type { BundleMetrics, BundleSample } from '../observe/metrics/bundle-metrics.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Pipeline } from '../runtime/pipeline.ts';
import type { BundleEndpointOptions, ServeOptions } from '../runtime/serve-options.ts';
import { followedUses } from './file-report.ts';
import type { FileReport } from './file-report.ts';
import { keepSequences } from './keep-sequences.ts';
import { createBundlePublication } from './publish-bundles.ts';

export interface BundleEndpointInput {
  readonly options: Pick<ServeOptions, 'defaultMesh' | 'stateDir'>;
  readonly pipeline: Pick<Pipeline, 'view' | 'setFindings'>;
  readonly draining: () => boolean;
  readonly metrics: BundleMetrics;
  readonly log: Logger;
  readonly report: FileReport;
  /** Epoch milliseconds; default: the system's. */
  readonly now?: (() => number) | undefined;
  readonly after?: Clock['after'] | undefined;
}

/** The running bundle endpoint. */
export interface BundleEndpoint extends AsyncDisposable {
  /** Returns the published bundles and their consumers. */
  readonly consumers: () => ConsumerList;
}

/**
 * Starts the SPIFFE bundle endpoint. It runs in this process, also with workers.
 * @throws {Error} if the address or a file cannot be used.
 */
export async function startBundleEndpoint(
  settings: BundleEndpointOptions,
  input: BundleEndpointInput,
): Promise<BundleEndpoint> {
  const { options, pipeline, draining, metrics, log, report } = input;
  const { now = systemClock.wall, after = systemClock.after } = input;
  const { defaultMesh, stateDir } = options;
  const { listen, profile, certificate, key, rules, refreshSeconds, perSecond } = settings;
  await using cleanup = new AsyncDisposableStack();

  const file =
    stateDir === undefined
      ? undefined
      : await openSequenceFile(stateDir, (message, error) =>
          log.error({ event: 'state-dir', err: error }, message),
        );
  cleanup.defer(() => file?.flush());
  const published = createPublishedBundles({ rules, refreshSeconds, records: file?.records });
  const sequences = cleanup.use(keepSequences(file, () => published.records(), after));
  const consumers = createConsumerList();

  const events = logTlsFiles(log, 'bundle endpoint');
  const checkSvid = ({ certificate: pem }: TlsMaterial): string | undefined => {
    const read = readEndpointSvid(pem.toString('latin1'));
    return typeof read === 'string' ? read : undefined;
  };
  const files = await followTlsFiles(
    { certificate, key, clientCa: undefined },
    {
      check: profile === 'spiffe' ? checkSvid : undefined,
      restless: events.restless,
      refused: (reason) => {
        events.refused(reason);
        report.set(followedUses.bundleTls, certificate, reason);
      },
      loaded: (material, isFirst) => {
        events.loaded(material, isFirst);
        metrics.certificateUntil(profile, material.notAfter);
        report.set(followedUses.bundleTls, certificate, undefined);
        if (isFirst) return;
        server.renew(material);
        publication.refresh();
      },
    },
  );
  cleanup.defer(() => files.close());

  const server = createBundleServer({
    tls: files.current(),
    perSecond,
    kept: sequences.kept,
    publication: {
      get isOpen() {
        return publication.isWhole && pipeline.view().readiness.kind === 'ready' && !draining();
      },
      defaultMesh,
      get: (mesh, trustDomain) => published.get(mesh, trustDomain),
      mapOf: (mesh) => published.mapOf(mesh),
      awaitsImport: (mesh, trustDomain) => published.awaitsImport(mesh, trustDomain),
      awaitsRead: (mesh) => published.awaitsRead(mesh),
    },
    onAnswered: (answered) => {
      const { status, bundles } = answered.reply;
      for (const { mesh, trustDomain } of bundles) {
        const { address, userAgent: program } = answered;
        const fields = { event: 'bundle-fetched', mesh, trustDomain, address, program, status };
        log.debug(fields, `a consumer fetched the bundle of trust domain ${trustDomain} of mesh ${mesh}`);
      }
      const names = bundles.length === 0 ? [{ mesh: '', trustDomain: '' }] : bundles;
      for (const { mesh, trustDomain } of names) metrics.request(mesh, trustDomain, status);
      for (const fetch of consumersOf({ ...answered, at: now() })) consumers.saw(fetch);
    },
    acceptFailed: logAcceptErrors(log, 'the listener of the bundle endpoint'),
  });
  cleanup.defer(() => server.close());

  const publication = cleanup.use(
    createBundlePublication({
      settings,
      published,
      pipeline,
      chain: () => files.current().certificate.toString('latin1'),
      recordsChanged: sequences.keep,
      log,
      now,
      after,
    }),
  );
  // The first request must not find a restored state unpublished.
  publication.begin();
  const listed = (): ConsumerList => presentConsumers(consumers, published, now());
  metrics.follow(() => countConsumers(listed()));

  const address = await server.listen(listen);
  log.info(
    {
      event: 'bundle-endpoint',
      address,
      profile: `https_${profile}`,
      serve: rules.map(({ mesh, trustDomain }) => `${mesh}/${trustDomain}`),
    },
    `the bundle endpoint listens on ${address}`,
  );
  const owned = cleanup.move();
  return { consumers: listed, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Counts the consumers of each published bundle, by what they have. */
function countConsumers({ published, consumers }: ConsumerList): readonly BundleSample[] {
  const groups = Map.groupBy(consumers, ({ mesh, trustDomain }) => `${mesh}/${trustDomain}`);
  return published.map(({ mesh, trustDomain, sequence }) => {
    const own = groups.get(`${mesh}/${trustDomain}`) ?? [];
    const counts = { current: 0, sent: 0, behind: 0, unknown: 0 };
    for (const { state } of own) counts[state] += 1;
    const overdue = own.filter((consumer) => consumer.overdue === true).length;
    return { mesh, trustDomain, sequence, consumers: counts, overdue };
  });
}
