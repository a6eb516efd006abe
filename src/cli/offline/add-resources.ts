import type { MeshDetail } from '../../api/api-types.ts';
import type { MeshCertificates } from '../../api/certificate-api-types.ts';
import { addShares } from '../../trust/ledger/share.ts';
import type { Holdings, Share } from '../../trust/ledger/share.ts';
import type { Identity, TrustAnchor, TrustDomain } from '../../trust/model/mesh-trust.ts';
import { createAnchorReader } from '../../trust/x509/anchor-reader.ts';
import type { ServerAccess } from '../ask/server-options.ts';
import { mapFew } from '../ask/ask-server.ts';
import { askMesh, listedOf } from './served-meshes.ts';

/**
 * Returns the holdings after the resources of `added` are applied beside those of `base`: a resource replaces the one
 * of the same identity, and all others stay.
 */
export function addResources(base: Holdings, added: Holdings): Holdings {
  const replaced = new Set(sharesOf(added).map(({ identity }) => identity));
  const joined = new Map<string, Map<TrustDomain, Share[]>>();
  addShares(
    joined,
    sharesOf(base).filter(({ identity }) => !replaced.has(identity)),
  );
  addShares(joined, sharesOf(added));
  return joined;
}

/** Returns the trust that a running server serves as the shares of the resources that list it. */
export async function servedHoldings(
  server: ServerAccess,
  meshes: readonly MeshDetail[],
  signal: AbortSignal,
): Promise<Holdings> {
  const all = await mapFew(meshes, (mesh) => servedShares(server, mesh, signal));
  const holdings = new Map<string, Map<TrustDomain, Share[]>>();
  addShares(holdings, all.flat());
  return holdings;
}

async function servedShares(
  server: ServerAccess,
  { name: mesh, trustDomains }: MeshDetail,
  signal: AbortSignal,
): Promise<readonly Share[]> {
  const certificates = (await askMesh(server, mesh, '/certificates', signal)) as MeshCertificates | undefined;
  const listed = await listedOf(server, certificates?.trustDomains ?? [], signal);
  const anchors = new Map(
    listed.flatMap(({ pems }) => readAnchors(pems)).map((anchor) => [anchor.certificate.fingerprint, anchor]),
  );
  return trustDomains.flatMap((domain): readonly Share[] => {
    const byResource = new Map<string, TrustAnchor[]>();
    for (const { fingerprint, resources } of domain.anchors) {
      const anchor = anchors.get(fingerprint);
      if (anchor === undefined) continue;
      for (const resource of resources)
        byResource.set(resource, [...(byResource.get(resource) ?? []), anchor]);
    }
    return [...byResource].map(([identity, ofResource]) => ({
      mesh,
      trustDomain: domain.name as TrustDomain,
      identity: identity as Identity,
      anchors: ofResource,
    }));
  });
}

function readAnchors(pems: readonly string[]): readonly TrustAnchor[] {
  const reader = createAnchorReader();
  return pems.flatMap((pem) =>
    reader
      .read(pem)
      .flatMap((block) =>
        block.kind === 'anchor'
          ? [{ kind: 'anchor' as const, certificate: block.certificate, place: {} }]
          : [],
      ),
  );
}

function sharesOf(holdings: Holdings): readonly Share[] {
  return [...holdings.values()].flatMap((domains) => [...domains.values()].flat());
}
