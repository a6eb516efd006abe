import {
  endpointFindings,
  nextEndpointCheck,
  publicationFindings,
  readEndpointSvid,
} from '../bundle-endpoint/core/endpoint-certificate.ts';
import type { PublishedBundles } from '../bundle-endpoint/core/published-bundles.ts';
import type { Logger } from '../observe/log/log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Pipeline } from '../runtime/pipeline.ts';
import type { BundleEndpointOptions } from '../runtime/serve-options.ts';
import { isImportKnown } from '../trust/ledger/import-sources.ts';
import { isLocalRead } from '../trust/ledger/path-origin.ts';
import type { MeshStates } from '../trust/snapshot/mesh-builder.ts';

export interface BundlePublicationOptions {
  readonly settings: Pick<BundleEndpointOptions, 'profile' | 'certificate' | 'rules'>;
  readonly published: PublishedBundles;
  readonly pipeline: Pick<Pipeline, 'view' | 'setFindings'>;
  /** Returns the current certificate chain of the endpoint, in PEM. */
  readonly chain: () => string;
  /** The records of `published` have changed. */
  readonly recordsChanged: () => void;
  readonly log: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly after: Clock['after'];
}

/** Publishes the bundles of each state that the pipeline builds, and reports findings about them. */
export interface BundlePublication extends Disposable {
  /**
   * True once the whole state was published. Before that, a bundle that is not published may be one that is to come.
   */
  readonly isWhole: boolean;
  /** Publishes a state that is built already, for example a restored one, and all later ones. */
  readonly begin: () => void;
  /** Lets the pipeline update the findings: the certificate of the endpoint has changed. */
  readonly refresh: () => void;
}

/** The number of keys that are read before other work has its turn, which takes a few milliseconds. */
const keysPerTurn = 50;

/** Creates a publication, which begins when `begin` or `refresh` is called. */
export function createBundlePublication({
  settings: { profile, certificate, rules },
  published,
  pipeline,
  chain,
  recordsChanged,
  log,
  now,
  after,
}: BundlePublicationOptions): BundlePublication {
  let isWhole = false;
  let reported: ReturnType<typeof publicationFindings> = [];
  let turn: NodeJS.Immediate | undefined;
  let cancelCheck: (() => void) | undefined;
  let isEnded = false;

  /** Publishes a part of the state of a build. Returns whether all of it is published. */
  const publishTurn = (): boolean => {
    const { ledger, meshes } = pipeline.view();
    const { holdings, sources } = ledger;
    const known = { isImportKnown: isImportKnown(sources), isAllRead: isLocalRead(sources) };
    const served = { holdings, meshes, ...known };
    const { changed, hasNewRecords, isComplete } = published.step(served, now(), keysPerTurn);
    if (hasNewRecords) recordsChanged();
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
      if (publishTurn()) refresh();
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
    const svid = profile === 'spiffe' ? readEndpointSvid(chain()) : '';
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
    cancelCheck = after(at - now(), refresh);
  };
  const refresh = (): void => pipeline.setFindings('bundle-endpoint', update);

  return {
    get isWhole() {
      return isWhole;
    },
    begin() {
      update();
      refresh();
    },
    refresh,
    [Symbol.dispose]() {
      isEnded = true;
      cancelCheck?.();
      clearImmediate(turn);
    },
  };
}
