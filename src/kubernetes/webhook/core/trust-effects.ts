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
import { canonicalNameKey } from '../../../trust/x509/canonical-name.ts';

/** The shares that are in force at a server, and the meshes that it serves. */
export interface InForce {
  readonly holdings: Holdings;
  readonly meshes: MeshStates;
  /** True if a source could not be read completely yet. The CAs that it lists are not in force. */
  readonly isPartial?: boolean | undefined;
}

/** The shares of one object before and after a change. */
interface ShareChange {
  /** Path of the object, as in the places of its shares. */
  readonly path: string;
  readonly before: readonly Share[];
  readonly after: readonly Share[];
}

/** The effect of a change on one trust domain. */
export interface DomainEffect {
  readonly mesh: string;
  readonly trustDomain: TrustDomain;
  /** CA certificates that would not be trusted any more, nor another certificate with the same name and key. */
  readonly lost: readonly Certificate[];
  /** True if the trust domain would have no CA certificate. */
  readonly isEmpty: boolean;
}

/** The effects of a change on trust. */
export interface TrustEffects {
  readonly domains: readonly DomainEffect[];
  /** Findings on the certificates of the object, and new findings on other certificates. */
  readonly findings: readonly Finding[];
}

export interface EffectsInput {
  readonly change: ShareChange;
  readonly inForce: InForce;
  readonly policy: BundlePolicy;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Returns the effects of a change of one object, given everything else that is in force. */
export function trustEffects(input: EffectsInput): TrustEffects {
  const { change, inForce, now } = input;
  const own = new Set(
    change.after.flatMap(({ anchors }) => anchors.map(({ certificate }) => certificate.fingerprint)),
  );
  const byMesh = Map.groupBy([...change.before, ...change.after], ({ mesh }) => mesh);
  const domains: DomainEffect[] = [];
  const findings: Finding[] = [];
  for (const [mesh, shares] of byMesh) {
    const served = inForce.meshes.get(mesh)?.bundle;
    const touched = new Set(shares.map(({ trustDomain }) => trustDomain));
    const [before, others] = partition(served?.bundles ?? [], ({ trustDomain }) => touched.has(trustDomain));
    const after: TrustBundle[] = [];
    for (const trustDomain of touched) {
      const previous = before.find((bundle) => bundle.trustDomain === trustDomain);
      const next = nextBundle(input, mesh, trustDomain, previous);
      domains.push(effectOf(input, next.bundle));
      if (next.isListed) after.push(next.bundle);
    }
    const joined = joinMesh({ mesh, bundles: [...others, ...after], previous: served, restrict });
    const isKnown = knownFindings(served?.findings ?? [], domainFindings(before, now));
    for (const finding of [...joined.findings, ...domainFindings(after, now)])
      if (own.has(finding.fingerprint ?? '') || !isKnown(finding)) findings.push(finding);
  }
  return { domains, findings };
}

/** Returns the bundle of a trust domain after the change, including the shares of other objects. */
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
  const before = new Map(
    change.before
      .filter((share) => share.mesh === mesh && share.trustDomain === trustDomain)
      .flatMap((share) => share.anchors)
      .map(({ certificate }) => [authorityKey(certificate), certificate]),
  );
  const lost = [...before]
    .filter(([key, certificate]) => !isDistrusted(certificate, policy) && !kept.has(key))
    .map(([, certificate]) => certificate);
  return { mesh, trustDomain, lost, isEmpty: anchors.length === 0 };
}

/** Returns the shares of an object that are in force now, including held and retained ones. */
export function sharesInForce(path: string, { holdings }: InForce): readonly Share[] {
  return [...holdings.values()].flatMap((domains) =>
    [...domains.values()].flatMap((shares) => shares.filter((share) => isOf(share, path))),
  );
}

/** Returns true if a share is from this path. All anchors of a share are from one document, so from one file. */
function isOf({ anchors: [first] }: Share, path: string): boolean {
  return first?.place.file === path;
}

/**
 * Returns the name and key of a CA. They identify it for the validation of chains, independent of the issuer of the
 * certificate.
 */
function authorityKey({ subjectDer, keyHash }: Certificate): string {
  return `${keyHash} ${canonicalNameKey(subjectDer)}`;
}

function domainFindings(bundles: readonly TrustBundle[], now: number): readonly Finding[] {
  return bundles.flatMap((bundle) => [...bundle.findings, ...expiryFindings(bundle, now)]);
}

/** Returns a test whether the findings on a mesh, or those on some of its trust domains, contain a finding. */
function knownFindings(
  ofMesh: readonly Finding[],
  ofDomains: readonly Finding[],
): (finding: Finding) => boolean {
  const known = indexOf(ofMesh);
  const domainKeys = new Set(ofDomains.map(keyOf));
  return (finding) => {
    // Most findings on a mesh keep their objects.
    if (known.findings.has(finding)) return true;
    const key = keyOf(finding);
    return known.keys.has(key) || domainKeys.has(key);
  };
}

interface FindingIndex {
  readonly findings: ReadonlySet<Finding>;
  readonly keys: ReadonlySet<string>;
}

/** The findings on each mesh in force. They can be thousands, and change more seldom than objects are reviewed. */
const indexes = new WeakMap<readonly Finding[], FindingIndex>();

function indexOf(findings: readonly Finding[]): FindingIndex {
  let index = indexes.get(findings);
  if (index === undefined) {
    index = { findings: new Set(findings), keys: new Set(findings.map(keyOf)) };
    indexes.set(findings, index);
  }
  return index;
}

/** Returns a key that identifies a finding, independent of the figures in its message. One that gets worse is new. */
function keyOf({ code, severity, mesh, trustDomain, fingerprint }: Finding): string {
  return [code, severity, mesh, trustDomain, fingerprint].join(' ');
}

function restrict(bundle: TrustBundle, isAdmitted: (certificate: Certificate) => boolean): TrustBundle {
  return { ...bundle, anchors: bundle.anchors.filter(({ certificate }) => isAdmitted(certificate)) };
}

/** Divides values in two: those that pass a test, and the others. */
function partition<Value>(
  values: readonly Value[],
  test: (value: Value) => boolean,
): readonly [readonly Value[], readonly Value[]] {
  return [values.filter(test), values.filter((value) => !test(value))];
}
