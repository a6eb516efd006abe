import {
  presentCertificate,
  presentCertificateList,
  presentDomainCertificates,
} from '../api/present-certificate-list.ts';
import type { CertificateList, TrustDomainCertificates } from '../api/certificate-api-types.ts';
import type { ChangeList, ChangeDetail } from '../api/change-api-types.ts';
import { spiffeBundle } from '../api/spiffe-bundle.ts';
import type { ChangeLog, LoggedChange } from '../fleet/change-log.ts';
import type { StateView } from '../runtime/state-view.ts';
import { isAllKnown } from '../trust/ledger/path-origin.ts';
import type { FederationInput } from './federation-routes.ts';
import { errorReply, jsonReply } from './reply.ts';
import type { Reply } from './reply.ts';
import type { Route } from './router.ts';
import { presentTime } from '../api/present-time.ts';

/** The sources of the responses about certificates and changes. */
export interface TrustInput {
  /** The relationships whose bundles are fetched. */
  readonly federation?: FederationInput['federation'];
  readonly view: () => StateView;
  readonly changes?: Pick<ChangeLog, 'recent'> | undefined;
}

/** Number of items in a list: by default, and at most. */
const listSize = { usual: 100, most: 1_000 } as const;
/** Seconds after which a client should read an exported bundle again. */
const refreshSeconds = 300;

/** Returns the routes for certificates, for bundles as files, and for recent changes. */
export function trustRoutes({ view, changes, federation }: TrustInput): readonly Route[] {
  /** True once all was known at a request: from then on, a failure takes nothing away. What is absent was removed. */
  let wasAllKnown = false;

  function notice({ readiness, ledger }: StateView): void {
    wasAllKnown ||= readiness.kind === 'ready' && isAllKnown(ledger.sources);
  }

  /**
   * Returns the response about something that the server does not have. While trust is unknown, it may exist: a script
   * that reads "trusted no more" would remove trust.
   */
  function absent(reply: Reply): Reply {
    notice(view());
    if (wasAllKnown) return reply;
    const message =
      'the server has not read all of its sources since its start, or a part of them has an error, so what it will trust is unknown: see /readyz and /api/v1/findings';
    return errorReply('incomplete', message);
  }

  /** Returns whether a trust domain is federated, and nothing is known of it. */
  function awaitsBundle(mesh: string, trustDomain: string): boolean {
    return (federation?.statuses() ?? []).some(
      ({ relationship, document, withdrawn }) =>
        relationship.mesh === mesh &&
        relationship.trustDomain === trustDomain &&
        document === undefined &&
        withdrawn === undefined,
    );
  }

  return [
    {
      method: 'GET',
      pattern: '/api/v1/certificates',
      answer: (_, query) => {
        const limit = readLimit(query);
        if (limit === undefined) return badLimit();
        const search = query.get('search') ?? '';
        return jsonReply(presentCertificateList(view().meshes, { search, limit }) satisfies CertificateList);
      },
    },
    {
      method: 'GET',
      pattern: '/api/v1/certificates/{fingerprint}',
      answer: ([fingerprint = '']) => {
        const found = presentCertificate(view().meshes, fingerprint);
        return found === undefined ? absent(unknownCertificate(fingerprint)) : jsonReply(found);
      },
    },
    {
      method: 'GET',
      pattern: '/api/v1/certificates/{fingerprint}/pem',
      answer: ([fingerprint = '']) => {
        const found = presentCertificate(view().meshes, fingerprint);
        if (found === undefined) return absent(unknownCertificate(fingerprint));
        return fileReply(`${fingerprint.slice(0, 16)}.pem`, 'application/x-pem-file', found.pem);
      },
    },
    {
      method: 'GET',
      pattern: '/api/v1/meshes/{mesh}/trust-domains/{trustDomain}/{format}',
      answer: ([mesh = '', trustDomain = '', format = '']) => {
        // A script that polls a file gets it while all is known. That counts when the trust domain is removed later.
        notice(view());
        const state = view().meshes.get(mesh);
        const domain = state && presentDomainCertificates(state, trustDomain);
        if (domain === undefined && awaitsBundle(mesh, trustDomain))
          return errorReply('incomplete', `the bundle of trust domain ${trustDomain} was not fetched yet`);
        if (domain === undefined) {
          const message = `mesh ${mesh} trusts no CA of trust domain ${trustDomain}`;
          return absent(errorReply('not-found', message));
        }
        if (format !== 'pem' && format !== 'spiffe')
          return errorReply('not-found', 'the formats are pem and spiffe');
        if (domain.anchors.length === 0) {
          const reply = format === 'pem' ? noPem(mesh, trustDomain) : bundleReply(domain);
          // A distrusted CA must leave the file, whatever else may be listed.
          return hasDistrusted(view(), mesh, trustDomain) ? reply : absent(reply);
        }
        if (format === 'spiffe') return bundleReply(domain);
        const pem = domain.anchors.map((anchor) => anchor.pem).join('');
        return fileReply(`${trustDomain}.pem`, 'application/x-pem-file', pem);
      },
    },
    {
      method: 'GET',
      pattern: '/api/v1/changes',
      answer: (_, query) => {
        const limit = readLimit(query);
        if (limit === undefined) return badLimit();
        const recent = changes?.recent(query.get('mesh') ?? undefined, limit) ?? [];
        return jsonReply({ changes: recent.map(presentChange) } satisfies ChangeList);
      },
    },
  ];
}

function readLimit(query: URLSearchParams): number | undefined {
  const limit = query.get('limit') ?? String(listSize.usual);
  return /^[1-9]\d{0,5}$/.test(limit) ? Math.min(Number(limit), listSize.most) : undefined;
}

function badLimit(): Reply {
  return errorReply('bad-request', 'limit is not a whole number above zero');
}

function unknownCertificate(fingerprint: string): Reply {
  return errorReply('unknown-certificate', `no mesh trusts a CA certificate with fingerprint ${fingerprint}`);
}

function bundleReply(domain: TrustDomainCertificates): Reply {
  const bundle = spiffeBundle(domain, { sequence: undefined, refreshSeconds });
  return fileReply(`${domain.name}.json`, 'application/json', `${JSON.stringify(bundle, null, 2)}\n`);
}

function hasDistrusted({ meshes }: StateView, mesh: string, trustDomain: string): boolean {
  const bundles = meshes.get(mesh)?.bundle.bundles ?? [];
  return bundles.some((one) => one.trustDomain === trustDomain && one.distrusted.length > 0);
}

/**
 * Returns the error instead of an empty PEM file. A script would replace its file with it, and programs do not start
 * with an empty file (Envoy 1.40: "file … is empty"), or keep the CA certificates that they have read before.
 */
function noPem(mesh: string, trustDomain: string): Reply {
  const message = `mesh ${mesh} has no CA in force of trust domain ${trustDomain}: remove its earlier PEM file, which is out of date`;
  return errorReply('not-found', message);
}

/** Names of trust domains and fingerprints have no character that a file name or a header must not have. */
function fileReply(name: string, contentType: string, body: string): Reply {
  const headers = { 'Content-Disposition': `attachment; filename="${name}"` };
  return { status: 200, contentType, body, headers };
}

/** Returns a change as it appears in a list. */
function presentChange({ since, servedAt, converged, ...change }: LoggedChange): ChangeDetail {
  const { mesh, version, first, denyAll, trustDomains } = change;
  return {
    mesh,
    version,
    changedAt: presentTime(since),
    servedAt: presentTime(servedAt),
    first,
    denyAll,
    trustDomains,
    ...(converged && {
      convergedAt: presentTime(converged.at),
      proxies: converged.proxies,
      gaveUp: converged.gaveUp,
    }),
  };
}
