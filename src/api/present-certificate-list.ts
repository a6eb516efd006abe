import { compareText } from '../text/compare-text.ts';
import { formatTime } from '../text/format-time.ts';
import type { ServedAnchor, TrustBundle } from '../trust/bundle/trust-bundle.ts';
import { encodePem } from '../trust/pem/encode-pem.ts';
import type { MeshStates, MeshState } from '../trust/snapshot/mesh-builder.ts';
import type { Certificate } from '../trust/x509/certificate.ts';
import type {
  CertificateDetail,
  CertificateList,
  CertificatePlace,
  CertificateSummary,
  AnchorCertificate,
  MeshCertificates,
  TrustDomainCertificates,
} from './certificate-api-types.ts';

/** A certificate with everything that lists it. */
interface Listed {
  readonly certificate: Certificate;
  readonly places: CertificatePlace[];
}

/**
 * Searches the CA certificates of all meshes for a text, and returns those that have it, the earliest expiry first. The
 * text may be in the subject, the fingerprint, a trust domain or a resource; upper and lower case are the same.
 */
export function presentCertificateList(
  meshes: MeshStates,
  { search, limit }: { readonly search: string; readonly limit: number },
): CertificateList {
  const text = search.toLowerCase();
  // A certificate that one place matches has all of its places, also those that do not match.
  const found = collect(meshes, () => true).filter((listed) => contains(listed, text));
  const sorted = found.sort(
    ({ certificate: a }, { certificate: b }) =>
      a.notAfter - b.notAfter || compareText(a.fingerprint, b.fingerprint),
  );
  return { certificates: sorted.slice(0, limit).map(presentListed), total: sorted.length };
}

/** Returns one certificate by its fingerprint; `undefined` if no mesh trusts it. */
export function presentCertificate(meshes: MeshStates, fingerprint: string): CertificateDetail | undefined {
  const [listed] = collect(meshes, (certificate) => certificate.fingerprint === fingerprint);
  if (listed === undefined) return undefined;
  const { issuer, keyHash, compressedKeyHash, der } = listed.certificate;
  return { ...presentListed(listed), issuer, keyHash, compressedKeyHash, pem: encodePem(der) };
}

function collect(meshes: MeshStates, fits: (certificate: Certificate) => boolean): readonly Listed[] {
  const found = new Map<string, Listed>();
  for (const [mesh, { bundle }] of meshes) {
    for (const { trustDomain, anchors } of bundle.bundles) {
      for (const anchor of anchors) {
        const { certificate, rooting, listedBy } = anchor;
        if (!fits(certificate)) continue;
        const place = { mesh, trustDomain, rooting, resources: listedBy };
        const before = found.get(certificate.fingerprint);
        if (before === undefined) found.set(certificate.fingerprint, { certificate, places: [place] });
        else before.places.push(place);
      }
    }
  }
  return [...found.values()];
}

function contains({ certificate, places }: Listed, text: string): boolean {
  if (text === '') return true;
  const has = (field: string): boolean => field.toLowerCase().includes(text);
  return (
    has(certificate.subject) ||
    has(certificate.fingerprint) ||
    places.some(({ trustDomain, resources }) => has(trustDomain) || resources.some(has))
  );
}

function presentListed({ certificate, places }: Listed): CertificateSummary {
  const { fingerprint, subject, keyAlgorithm, notBefore, notAfter } = certificate;
  return {
    fingerprint,
    subject,
    keyAlgorithm,
    notBefore: formatTime(notBefore),
    notAfter: formatTime(notAfter),
    places: places.toSorted((a, b) => compareText(keyOf(a), keyOf(b))),
  };
}

function keyOf({ mesh, trustDomain }: CertificatePlace): string {
  return `${mesh}\0${trustDomain}`;
}

/** Returns the certificates that proxies of a mesh get. */
export function presentCertificates({ bundle, secrets }: MeshState): MeshCertificates {
  const merged = new Map(bundle.merged.map((part) => [part.trustDomain, part]));
  return {
    name: bundle.mesh,
    version: secrets.version,
    trustDomains: bundle.bundles.map((whole) => presentDomain(whole, merged.get(whole.trustDomain))),
  };
}

/**
 * Returns the certificates of one trust domain that proxies of a mesh get; `undefined` if the mesh does not have it.
 */
export function presentDomainCertificates(
  { bundle }: MeshState,
  trustDomain: string,
): TrustDomainCertificates | undefined {
  const isIt = (other: TrustBundle): boolean => other.trustDomain === trustDomain;
  const whole = bundle.bundles.find(isIt);
  return whole && presentDomain(whole, bundle.merged.find(isIt));
}

function presentDomain(whole: TrustBundle, part: TrustBundle | undefined): TrustDomainCertificates {
  const domain = { name: whole.trustDomain, anchors: whole.anchors.map(presentAnchor) };
  if (whole === part) return domain;
  const jointAnchors = (part?.anchors ?? []).map(presentAnchor);
  return { ...domain, inJointSecret: jointAnchors.map(({ fingerprint }) => fingerprint), jointAnchors };
}

function presentAnchor({ certificate, der, rooting, origin }: ServedAnchor): AnchorCertificate {
  const anchor = { fingerprint: certificate.fingerprint, rooting, pem: encodePem(der) };
  return origin === 'local' ? anchor : { ...anchor, origin };
}
