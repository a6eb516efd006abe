import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Holdings } from '../ledger/share.ts';
import type { TrustAnchor, TrustDomain } from '../model/mesh-trust.ts';
import { originOf } from './derived-identity.ts';
import { anchorKey } from './given.ts';
import { isClusterPath } from './identity-paths.ts';
import type { IdentityView } from './identity-stage.ts';

/** Kuma's control plane publishes a MeshTrust within seconds. */
const publicationMs = 30_000;

/**
 * Finds CA certificates of MeshIdentities of the cluster that Kuma has not published, whether they are known here or
 * not.
 */
export interface PublicationCheck {
  /** Compares what follows from the MeshIdentities with what is in force. `now` is in epoch milliseconds. */
  update(views: readonly IdentityView[], holdings: Holdings, now: number): void;
  findings(): readonly Finding[];
  /** Returns when `update` may find something without a change, in epoch milliseconds. */
  nextDue(): number | undefined;
}

interface Unpublished {
  readonly since: number;
  readonly finding: Finding;
}

export function createPublicationCheck(): PublicationCheck {
  let unpublished: ReadonlyMap<string, Unpublished> = new Map();
  let checkedAt = 0;
  const isDue = ({ since }: Unpublished): boolean => checkedAt >= since + publicationMs;
  return {
    update(views, holdings, now) {
      const next = new Map<string, Unpublished>();
      const add = (key: string, found: Finding): void =>
        void next.set(key, { since: unpublished.get(key)?.since ?? now, finding: found });
      for (const { path, identity: meshIdentity, resources, awaited } of views) {
        if (!isClusterPath(path)) continue;
        if (awaited !== undefined) add(meshIdentity, awaited);
        for (const { identity, mesh, trustDomain, blocks, place } of resources) {
          const published = publishedIn(holdings, mesh, trustDomain);
          for (const block of blocks) {
            if (block.kind !== 'anchor' || published.has(block.certificate.fingerprint)) continue;
            const key = `${identity} ${anchorKey(trustDomain, block.certificate.fingerprint)}`;
            add(key, notPublished(block, { ...place, mesh, trustDomain }));
          }
        }
      }
      unpublished = next;
      checkedAt = now;
    },
    findings: () => [...unpublished.values()].filter(isDue).map((item) => item.finding),
    nextDue() {
      const times = [...unpublished.values()].filter((item) => !isDue(item)).map(({ since }) => since);
      return times.length === 0 ? undefined : times.reduce((a, b) => Math.min(a, b)) + publicationMs;
    },
  };
}

/** Returns the fingerprints that MeshTrusts list for a trust domain, without those that are derived here. */
function publishedIn(holdings: Holdings, mesh: string, trustDomain: TrustDomain): ReadonlySet<string> {
  const shares = holdings.get(mesh)?.get(trustDomain) ?? [];
  return new Set(
    shares
      .filter(({ identity }) => originOf(identity) === undefined)
      .flatMap(({ anchors }) => anchors.map(({ certificate }) => certificate.fingerprint)),
  );
}

function notPublished({ certificate }: TrustAnchor, detail: Partial<Finding>): Finding {
  const { subject, fingerprint } = certificate;
  return finding(
    'MT078',
    `CA certificate ${subject} follows from the resource, and Kuma has published no MeshTrust with it; proxies that Kuma configures do not trust it`,
    { ...detail, fingerprint },
  );
}
