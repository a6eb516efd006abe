import { buildBundle } from '../../../trust/bundle/build-bundle.ts';
import { expiryFindings } from '../../../trust/snapshot/expiry.ts';
import { joinMesh } from '../../../trust/bundle/join-mesh.ts';
import { isDistrusted } from '../../../trust/bundle/trust-bundle.ts';
import type { BundlePolicy, TrustBundle } from '../../../trust/bundle/trust-bundle.ts';
import type { Finding } from '../../../trust/findings/finding.ts';
import type { Holdings, Share } from '../../../trust/ledger/share.ts';
import type { TrustDomain } from '../../../trust/model/mesh-trust.ts';
import type { MeshStates } from '../../../trust/snapshot/mesh-builder.ts';
import type { Certificate } from '../../../trust/x509/certificate.ts';
import { canonicalNameKey } from '../../../trust/x509/encoded-name.ts';

/** What a server has in force at a moment, and serves of it. */
export interface InForce {
  readonly holdings: Holdings;
  readonly meshes: MeshStates;
}

/** What one object gives before and after a change. */
export interface ShareChange {
  /** Of the object, as in the places of its shares. */
  readonly path: string;
  readonly before: readonly Share[];
  readonly after: readonly Share[];
}

/** One trust domain of a mesh that a change touches. */
export interface DomainEffect {
  readonly mesh: string;
  readonly trustDomain: TrustDomain;
  /** What was trusted and would be no longer, neither itself nor another certificate of its name and key. */
  readonly lost: readonly Certificate[];
  /** Whether anything would be trusted still. */
  readonly isEmpty: boolean;
}

/** What would become of trust. */
export interface TrustEffects {
  readonly domains: readonly DomainEffect[];
  /** On what the object lists, and on anything else that was not so before. */
  readonly findings: readonly Finding[];
}

export interface EffectsInput {
  readonly change: ShareChange;
  readonly inForce: InForce;
  readonly policy: BundlePolicy;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** What a change of one object does to trust, beside all else that is in force. */
export function trustEffects(input: EffectsInput): TrustEffects {
  const { change, inForce, now } = input;
  const own = new Set(
    change.after.flatMap(({ anchors }) => anchors.map(({ certificate }) => certificate.fingerprint)),
  );
  const byMesh = Map.groupBy([...change.before, ...change.after], ({ mesh }) => mesh);
  const domains: DomainEffect[] = [];
  const findings: Finding[] = [];
  for (const [mesh, shares] of byMesh) {
    const state = inForce.meshes.get(mesh);
    const bundles = new Map(state?.bundle.bundles.map((bundle) => [bundle.trustDomain, bundle]));
    const touched = new Set(shares.map(({ trustDomain }) => trustDomain));
    const known = new Set(meshFindings(state?.bundle.findings ?? [], bundles, touched, now).map(keyOf));
    for (const trustDomain of touched) {
      const next = nextBundle(input, mesh, trustDomain, bundles.get(trustDomain));
      domains.push(effectOf(input, next.bundle));
      if (next.isListed) bundles.set(trustDomain, next.bundle);
      else bundles.delete(trustDomain);
    }
    const after = joinMesh({ mesh, bundles: [...bundles.values()], previous: state?.bundle, restrict });
    for (const finding of meshFindings(after.findings, bundles, touched, now))
      if (own.has(finding.fingerprint ?? '') || !known.has(keyOf(finding))) findings.push(finding);
  }
  return { domains, findings };
}

/** A trust domain as it would be, with all that others give to it. */
function nextBundle(
  { change, inForce, policy, now }: EffectsInput,
  mesh: string,
  trustDomain: TrustDomain,
  previous: TrustBundle | undefined,
): { readonly bundle: TrustBundle; readonly isListed: boolean } {
  const others = inForce.holdings.get(mesh)?.get(trustDomain) ?? [];
  const shares = [
    ...others.filter((share) => !isOf(share, change.path)),
    ...change.after.filter((share) => share.mesh === mesh && share.trustDomain === trustDomain),
  ];
  return {
    bundle: buildBundle({ mesh, trustDomain, shares, now, policy, previous }),
    isListed: shares.some(({ anchors }) => anchors.length > 0),
  };
}

function effectOf({ change, policy }: EffectsInput, next: TrustBundle): DomainEffect {
  const { mesh, trustDomain, anchors } = next;
  const kept = new Set(anchors.map(({ certificate }) => authorityKey(certificate)));
  const had = new Map(
    change.before
      .filter((share) => share.mesh === mesh && share.trustDomain === trustDomain)
      .flatMap((share) => share.anchors)
      .map(({ certificate }) => [authorityKey(certificate), certificate]),
  );
  const lost = [...had]
    .filter(([key, certificate]) => !isDistrusted(certificate, policy) && !kept.has(key))
    .map(([, certificate]) => certificate);
  return { mesh, trustDomain, lost, isEmpty: anchors.length === 0 };
}

/** What an object gives at the moment, as it is served: what is held or retained of it included. */
export function sharesInForce(path: string, { holdings }: InForce): readonly Share[] {
  return [...holdings.values()].flatMap((domains) =>
    [...domains.values()].flatMap((shares) => shares.filter((share) => isOf(share, path))),
  );
}

/** A share is of one document, so all of its anchors are of one file. */
function isOf({ anchors: [first] }: Share, path: string): boolean {
  return first?.place.file === path;
}

/** What validates a chain: whatever certifies it, one name and one key are one authority. */
function authorityKey({ subjectDer, keyHash }: Certificate): string {
  return `${keyHash} ${canonicalNameKey(subjectDer)}`;
}

/** The findings on a mesh as a whole and on some of its trust domains. */
function meshFindings(
  ofMesh: readonly Finding[],
  bundles: ReadonlyMap<TrustDomain, TrustBundle>,
  touched: ReadonlySet<TrustDomain>,
  now: number,
): readonly Finding[] {
  const ofDomains = [...touched].flatMap((trustDomain) => {
    const bundle = bundles.get(trustDomain);
    return bundle === undefined ? [] : [...bundle.findings, ...expiryFindings(bundle, now)];
  });
  return [...ofMesh, ...ofDomains];
}

/** What tells findings apart, whatever figures are in their sentences. */
function keyOf({ code, mesh, trustDomain, fingerprint }: Finding): string {
  return [code, mesh, trustDomain, fingerprint].join(' ');
}

function restrict(bundle: TrustBundle, fingerprints: ReadonlySet<string>): TrustBundle {
  return {
    ...bundle,
    anchors: bundle.anchors.filter(({ certificate }) => fingerprints.has(certificate.fingerprint)),
  };
}
