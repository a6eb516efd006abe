import { expiryFindings } from '../../../trust/snapshot/expiry.ts';
import type { TrustBundle } from '../../../trust/bundle/trust-bundle.ts';
import { compareFindings } from '../../../trust/findings/finding.ts';
import type { Finding } from '../../../trust/findings/finding.ts';
import type { FindingCode } from '../../../trust/findings/catalogue.ts';
import type { Grant } from '../../../trust/ledger/entry.ts';
import { trustDomainSecretName } from '../../../trust/secret/secret-names.ts';
import type { MeshState } from '../../../trust/snapshot/mesh-builder.ts';
import type { FindingsIndex } from './findings-index.ts';

/** What there is to say about one object, before it is put into words. */
export interface ObjectFacts {
  /** Undefined while nothing of it is in force. */
  readonly mesh: string | undefined;
  /** Version of the mesh as a whole, which proxies acknowledge. */
  readonly meshVersion: string | undefined;
  /** Version of the secret of its trust domain; undefined if there is none. */
  readonly version: string | undefined;
  /** Findings on the object and its certificates, most severe first, without its expiry. */
  readonly findings: readonly Finding[];
  /** What keeps its trust domain from being served. */
  readonly obstacles: readonly Finding[];
  /** Its certificates that are served and expired, or expire soon. */
  readonly expiry: readonly Finding[];
  /** How many of its certificates are served. */
  readonly authorities: number;
  /** When the first of them expires, epoch milliseconds. */
  readonly expires: number | undefined;
}

/** A trust domain for itself, and as it is part of the secret of all trust domains. */
export interface ServedDomain {
  readonly alone: TrustBundle | undefined;
  readonly joint: TrustBundle | undefined;
}

/** What the facts of an object are taken from. */
export interface FactsInput {
  readonly path: string;
  /** What the object gives at the moment. */
  readonly grants: readonly Grant[];
  readonly meshOf: (name: string) => MeshState | undefined;
  readonly domainOf: (mesh: string, trustDomain: string) => ServedDomain;
  readonly index: FindingsIndex;
  /** Epoch milliseconds. */
  readonly now: number;
}

const aboutDates: ReadonlySet<FindingCode> = new Set(['MT022', 'MT023']);
const aboutDomains: ReadonlySet<FindingCode> = new Set(['MT031', 'MT032']);

/** Gathers what there is to say about one object. */
export function factsOf({ path, grants, meshOf, domainOf, index, now }: FactsInput): ObjectFacts {
  const [grant] = grants;
  const ofFile = index.ofFile(path);
  if (grant === undefined) {
    const nothing = { mesh: undefined, meshVersion: undefined, version: undefined, expires: undefined };
    return { ...nothing, findings: sorted(ofFile), obstacles: [], expiry: [], authorities: 0 };
  }
  const { mesh, trustDomain, identity } = grant.resource;
  const state = meshOf(mesh);
  const domain = domainOf(mesh, trustDomain);
  const bundle = domain.alone;
  const own = bundle?.anchors.filter(({ listedBy }) => listedBy.includes(identity)) ?? [];
  const fingerprints = new Set(own.map(({ certificate }) => certificate.fingerprint));
  const listed = new Set(
    grant.shares.flatMap(({ anchors }) => anchors.map(({ certificate }) => certificate.fingerprint)),
  );
  const findings = [
    ...ofFile,
    ...index.ofResource(identity),
    ...[...listed].flatMap((fingerprint) => index.ofCertificate(mesh, trustDomain, fingerprint)),
  ].filter(({ code }) => !aboutDates.has(code) && !aboutDomains.has(code));
  const expiry = bundle === undefined ? [] : expiryFindings(bundle, now);
  const ends = own.map(({ certificate }) => certificate.notAfter);
  return {
    mesh,
    meshVersion: state?.secrets.version,
    version: state?.secrets.secrets.get(trustDomainSecretName(trustDomain))?.version,
    findings: sorted(findings),
    obstacles: isWhole(domain) ? [] : obstaclesOf(index, mesh, trustDomain),
    expiry: sorted(
      expiry.filter(({ code, fingerprint }) => aboutDates.has(code) && fingerprints.has(fingerprint ?? '')),
    ),
    authorities: own.length,
    expires: ends.length === 0 ? undefined : ends.reduce((a, b) => Math.min(a, b)),
  };
}

/** Whether the secret of all trust domains has all that is served of this one. */
function isWhole({ alone, joint }: ServedDomain): boolean {
  if (alone === joint) return true;
  const present = new Set(joint?.anchors.map(({ certificate }) => certificate.fingerprint));
  return alone?.anchors.every(({ certificate }) => present.has(certificate.fingerprint)) ?? true;
}

function obstaclesOf(index: FindingsIndex, mesh: string, trustDomain: string): readonly Finding[] {
  const findings = [...index.ofTrustDomain(mesh, trustDomain), ...index.ofTrustDomain(mesh, '')];
  return sorted(findings.filter(({ code }) => aboutDomains.has(code)));
}

/** Each once, in the order in which people read them. */
function sorted(findings: readonly Finding[]): readonly Finding[] {
  return [...new Set(findings)].sort(compareFindings);
}
