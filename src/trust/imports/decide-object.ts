import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Identity, MeshTrust } from '../model/mesh-trust.ts';
import type { ParsedFile } from '../model/parse-file.ts';
import type { ParsedDocument } from '../model/parse-mesh-trust.ts';
import type { MeshStates } from '../snapshot/mesh-builder.ts';
import { decideImport } from './decide-import.ts';
import type { ImportContext } from './decide-import.ts';

/** A trust domain that is in force, and the zone that vouched for it. */
export type Voucher = Pick<MeshTrust, 'mesh' | 'trustDomain'> & { readonly zone: string | undefined };

/** A MeshTrust that is not used. */
export interface Refused {
  readonly resource: MeshTrust;
  readonly reason: string;
}

/** The result of a decision about an object. */
export interface ObjectDecision {
  /** The documents for the ledger in place of those of the object. */
  readonly documents: readonly ParsedDocument[];
  /** The vouchers of the object that are in force now. */
  readonly vouchers: ReadonlyMap<Identity, Voucher>;
  readonly refused: readonly Refused[];
}

/**
 * Decides about the newest version of an object. If it cannot be used, what is in force of an earlier version stays, but
 * only while the zone may vouch for it.
 */
export function decideObject(
  parsed: ParsedFile,
  before: ReadonlyMap<Identity, Voucher>,
  context: ImportContext,
): ObjectDecision {
  const vouchers = new Map<Identity, Voucher>();
  const refused: Refused[] = [];
  const isStillAllowed = ({ zone, mesh, trustDomain }: Voucher): boolean =>
    zone === undefined || (zone !== context.zone && context.isAllowed(mesh, zone, trustDomain));
  const unused = (
    identity: Identity | undefined,
    findings: readonly Finding[],
    isKept = isStillAllowed,
  ): ParsedDocument => {
    const kept = [...before].filter(([known]) => identity === undefined || known === identity);
    if (kept.length === 0 || !kept.every(([, voucher]) => isKept(voucher)))
      return { kind: 'without-trust', findings };
    for (const [known, voucher] of kept) vouchers.set(known, voucher);
    return { kind: 'invalid', identity, findings };
  };
  if (parsed.kind === 'refused')
    return { documents: [unused(undefined, parsed.findings)], vouchers, refused };
  const documents = parsed.documents.map((document): ParsedDocument => {
    if (document.kind === 'without-trust') return document;
    if (document.kind !== 'mesh-trust') return unused(document.identity, document.findings);
    const { resource } = document;
    const { identity, mesh, trustDomain } = resource;
    const decision = decideImport(resource, context);
    switch (decision.kind) {
      case 'accepted':
        vouchers.set(identity, { mesh, trustDomain, zone: decision.zone });
        return document;
      case 'ignored':
        return { kind: 'without-trust', findings: [] };
      case 'refused':
        refused.push({ resource, reason: decision.reason });
        return unused(
          identity,
          [],
          (voucher) => voucher.zone === resource.provenance?.zone && isStillAllowed(voucher),
        );
    }
  });
  return { documents, vouchers, refused };
}

/**
 * Returns the finding about a MeshTrust that is not used. A copy of CA certificates that are served for their owner is
 * only a note: operators of zones keep such copies by hand.
 */
export function refusedFinding({ resource, reason }: Refused, meshes: MeshStates): Finding {
  const { mesh, trustDomain, blocks, place } = resource;
  const domain = meshes.get(mesh)?.bundle.bundles.find((bundle) => bundle.trustDomain === trustDomain);
  const served = new Set(domain?.anchors.map(({ certificate }) => certificate.fingerprint));
  const isCopy = blocks.every(
    (block) => block.kind === 'refused' || served.has(block.certificate.fingerprint),
  );
  const message = `the MeshTrust of the Global control plane is not used: ${reason}`;
  return finding(
    'MT090',
    isCopy ? `${message}; its CA certificates are served for the owner of the trust domain` : message,
    { ...place, mesh, trustDomain },
    isCopy ? 'info' : 'error',
  );
}
