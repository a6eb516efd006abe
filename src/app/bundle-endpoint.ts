import { createBundleServer } from '../bundle-endpoint/bundle-server.ts';
import type { ConsumerList } from '../api/consumer-api-types.ts';
import { createConsumerList } from '../bundle-endpoint/core/consumers.ts';
import {
  endpointFindings,
  nextEndpointCheck,
  readEndpointSvid,
  publicationFindings,
} from '../bundle-endpoint/core/endpoint-certificate.ts';
import { consumersOf } from '../bundle-endpoint/core/observe-fetch.ts';
import { presentConsumers } from '../bundle-endpoint/core/present-consumers.ts';
import { createPublishedBundles } from '../bundle-endpoint/core/published-bundles.ts';
import { openSequenceFile } from '../bundle-endpoint/sequence-file.ts';
import { followTlsFiles } from '../net/follow-tls-files.ts';
import type { TlsMaterial } from '../net/tls-material.ts';
import { logAcceptErrors } from '../observe/log/log-accept-errors.ts';
import { logTlsFiles } from '../observe/log/log-tls-files.ts';
import type { Logger } from '../observe/log/log.ts';
import type { BundleMetrics } from '../observe/metrics/bundle-metrics.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Pipeline } from '../runtime/pipeline.ts';
import type { BundleEndpointOptions, ServeOptions } from '../runtime/serve-options.ts';
import { isImportKnown } from '../trust/ledger/import-sources.ts';
import { isLocalRead } from '../trust/ledger/path-origin.ts';
import type { MeshStates } from '../trust/snapshot/mesh-builder.ts';
import { followedUses } from './file-report.ts';
import type { FileReport } from './file-report.ts';

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

/** The number of keys that are read before other work has its turn, which takes a few milliseconds. */
const keysPerTurn = 50;
/**
 * For this time, in milliseconds, responses wait for the state directory after a change. If it does not respond, a
 * removed CA must not stay published.
 */
const keepMs = 5_000;

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

  const sequences =
    stateDir === undefined
      ? undefined
      : await openSequenceFile(stateDir, (message, error) =>
          log.error({ event: 'state-dir', err: error }, message),
        );
  cleanup.defer(() => sequences?.flush());
  let keeping: Promise<void> | undefined;
  let cancelKeep: (() => void) | undefined;
  cleanup.defer(() => cancelKeep?.());
  /** Keeps the sequences. A crash after a response must not let a later one have a lower sequence. */
  const keepRecords = (): void => {
    if (sequences === undefined) return;
    sequences.save(published.records());
    const { promise: limit, resolve } = Promise.withResolvers<undefined>();
    cancelKeep ??= after(keepMs, () => resolve(undefined));
    keeping ??= Promise.race([sequences.written(), limit]).then(() => {
      cancelKeep?.();
      keeping = cancelKeep = undefined;
    });
  };
  const published = createPublishedBundles({ rules, refreshSeconds, records: sequences?.records });
  const consumers = createConsumerList();
  /**
   * True once the whole state was published. Before that, a bundle that is not published may be one that is to come.
   */
  let isWhole = false;

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
        if (!isFirst) renew(material);
      },
    },
  );
  cleanup.defer(() => files.close());

  const server = createBundleServer({
    tls: files.current(),
    perSecond,
    kept: () => keeping,
    publication: {
      get isOpen() {
        return isWhole && pipeline.view().readiness.kind === 'ready' && !draining();
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

  let reported: ReturnType<typeof publicationFindings> = [];
  let turn: NodeJS.Immediate | undefined;
  cleanup.defer(() => clearImmediate(turn));
  let cancelCheck: (() => void) | undefined;
  let isEnded = false;
  cleanup.defer(() => {
    isEnded = true;
    cancelCheck?.();
  });

  /** Publishes a part of the state of a build. Returns whether all of it is published. */
  const publishTurn = (): boolean => {
    const { ledger, meshes } = pipeline.view();
    const { holdings } = ledger;
    const { sources } = ledger;
    const known = { isImportKnown: isImportKnown(sources), isAllRead: isLocalRead(sources) };
    const served = { holdings, meshes, ...known };
    const { changed, hasNewRecords, isComplete } = published.step(served, now(), keysPerTurn);
    if (hasNewRecords) keepRecords();
    for (const { mesh, trustDomain, sequence, document } of changed) {
      const fields = { event: 'bundle-published', mesh, trustDomain, sequence, keys: document.keys.length };
      log.info(fields, `the bundle of trust domain ${trustDomain} of mesh ${mesh} is published`);
    }
    isWhole ||= isComplete;
    return isComplete;
  };
  /** Publishes the rest in turns, between which other work is done. Then the findings are known. */
  const continueLater = (): void => {
    turn ??= setImmediate(() => {
      turn = undefined;
      if (publishTurn()) pipeline.setFindings('bundle-endpoint', update);
      else continueLater();
    });
  };
  /** Publishes the state of a build, and returns what there is to report about it. */
  const update = (): ReturnType<typeof publicationFindings> => {
    // The pipeline may still build. No client would get what is published now, and a timer would keep the process up.
    if (isEnded) return reported;
    const { readiness, meshes } = pipeline.view();
    if (readiness.kind !== 'ready') return [];
    if (publishTurn()) reported = findingsOf(meshes);
    else continueLater();
    return reported;
  };
  const findingsOf = (meshes: MeshStates): ReturnType<typeof publicationFindings> => {
    const all = published.all();
    const svid = profile === 'spiffe' ? readEndpointSvid(files.current().certificate.toString('latin1')) : '';
    const named = new Set(rules.map(({ mesh }) => mesh));
    const trust = { published: all, meshes: new Map([...meshes].filter(([mesh]) => named.has(mesh))) };
    if (typeof svid === 'string') return publicationFindings(all);
    checkAgain(nextEndpointCheck(svid, now()));
    return [...publicationFindings(all), ...endpointFindings(svid, trust, certificate, now())];
  };
  /** Updates the findings at a time. No other change may come when a certificate expires. */
  const checkAgain = (at: number | undefined): void => {
    cancelCheck?.();
    if (at === undefined) return;
    cancelCheck = after(at - now(), () => pipeline.setFindings('bundle-endpoint', update));
  };
  function renew(material: TlsMaterial): void {
    server.renew(material);
    pipeline.setFindings('bundle-endpoint', update);
  }
  // A restored state may be built already: the first request must not find it unpublished.
  update();
  pipeline.setFindings('bundle-endpoint', update);
  const listed = (): ConsumerList => presentConsumers(consumers, published, now());
  metrics.follow(() => {
    const all = listed();
    const groups = Map.groupBy(all.consumers, ({ mesh, trustDomain }) => `${mesh}/${trustDomain}`);
    return all.published.map(({ mesh, trustDomain, sequence }) => {
      const own = groups.get(`${mesh}/${trustDomain}`) ?? [];
      const counts = { current: 0, sent: 0, behind: 0, unknown: 0 };
      for (const { state } of own) counts[state] += 1;
      const overdue = own.filter((consumer) => consumer.overdue === true).length;
      return { mesh, trustDomain, sequence, consumers: counts, overdue };
    });
  });

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
