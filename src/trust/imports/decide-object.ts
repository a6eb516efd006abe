import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Identity, MeshTrust } from '../model/mesh-trust.ts';
import type { ParsedFile } from '../model/parse-file.ts';
import type { ParsedDocument } from '../model/parse-mesh-trust.ts';
import type { MeshState, MeshStates } from '../snapshot/mesh-builder.ts';
import { decideImport, decideVoucher } from './decide-import.ts';
import type { ImportContext, ImportDecision, Voucher } from './decide-import.ts';

/** A MeshTrust that is not used. */
export interface Refused {
  readonly resource: MeshTrust;
  readonly kind: Exclude<ImportDecision['kind'], 'accepted'>;
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
 * Decides about the newest version of an object. If it cannot be used, what is in force of an earlier version stays,
 * but only while the zone may vouch for it.
 */
export function decideObject(
  parsed: ParsedFile,
  before: ReadonlyMap<Identity, Voucher>,
  context: ImportContext,
): ObjectDecision {
  const vouchers = new Map<Identity, Voucher>();
  const refused: Refused[] = [];
  // What is in force was decided when more was known.
  const isStillAllowed = (voucher: Voucher): boolean =>
    ['accepted', 'undecided'].includes(decideVoucher(voucher, context).kind);
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
    const accept = (zone: string | undefined): ParsedDocument => {
      vouchers.set(identity, { mesh, trustDomain, zone });
      return document;
    };
    switch (decision.kind) {
      case 'accepted':
        return accept(decision.zone);
      case 'ignored': {
        const { kind, reason } = decision;
        if (reason !== undefined) refused.push({ resource, kind, reason });
        return { kind: 'without-trust', findings: [] };
      }
      case 'undecided': {
        const known = before.get(identity);
        if (known?.zone === decision.zone && known?.mesh === mesh && known.trustDomain === trustDomain)
          return accept(decision.zone);
        break;
      }
      case 'refused':
        break;
    }
    refused.push({ resource, kind: decision.kind, reason: decision.reason });
    const publisher = decision.kind === 'undecided' ? decision.zone : resource.provenance?.zone;
    return unused(identity, [], (voucher) => voucher.zone === publisher && isStillAllowed(voucher));
  });
  return { documents, vouchers, refused };
}

type Bundle = MeshState['bundle']['bundles'][number];

/** The fingerprints of the anchors of each bundle, while it lives: many objects can be about one trust domain. */
const fingerprints = new WeakMap<Bundle, ReadonlySet<string>>();

function fingerprintsOf(bundle: Bundle): ReadonlySet<string> {
  let known = fingerprints.get(bundle);
  if (known === undefined) {
    known = new Set(bundle.anchors.map(({ certificate }) => certificate.fingerprint));
    fingerprints.set(bundle, known);
  }
  return known;
}

/** Finds a trust domain in bundles that are sorted by name. Both objects and trust domains can be thousands. */
function findBundle(bundles: readonly Bundle[], trustDomain: string): Bundle | undefined {
  let [low, high] = [0, bundles.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((bundles[middle]?.trustDomain ?? '') < trustDomain) low = middle + 1;
    else high = middle;
  }
  const found = bundles[low];
  return found?.trustDomain === trustDomain ? found : undefined;
}

/**
 * Returns the finding about a MeshTrust that is not used, if there is anything to report. A copy of CA certificates
 * that are served for their owner is only a note if it is refused: operators of zones keep such copies by hand. Kuma
 * itself copies what the Global control plane has to the zones.
 */
export function unusedFinding({ resource, kind, reason }: Refused, meshes: MeshStates): Finding | undefined {
  const { mesh, trustDomain, blocks, place } = resource;
  const bundle = findBundle(meshes.get(mesh)?.bundle.bundles ?? [], trustDomain);
  const served = bundle && fingerprintsOf(bundle);
  const isCopy = blocks.every(
    (block) => block.kind === 'refused' || served?.has(block.certificate.fingerprint) === true,
  );
  if (kind !== 'refused' && isCopy) return undefined;
  const message = `the MeshTrust of the Global control plane is not used: ${reason}`;
  return finding(
    'MT090',
    isCopy ? `${message}; its CA certificates are served for the owner of the trust domain` : message,
    { ...place, mesh, trustDomain },
    severityOf(kind, isCopy),
  );
}

function severityOf(kind: Refused['kind'], isCopy: boolean): 'error' | 'warning' | 'info' {
  if (kind !== 'refused') return 'warning';
  return isCopy ? 'info' : 'error';
}
