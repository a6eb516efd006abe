import { expiryFindings } from '../../../trust/snapshot/expiry.ts';
import type { TrustBundle } from '../../../trust/bundle/trust-bundle.ts';
import { compareFindings } from '../../../trust/findings/finding.ts';
import type { Finding } from '../../../trust/findings/finding.ts';
import type { FindingCode } from '../../../trust/findings/catalogue.ts';
import type { Grant } from '../../../trust/ledger/entry.ts';
import { trustDomainSecretName } from '../../../trust/secret/secret-names.ts';
import type { MeshState } from '../../../trust/snapshot/mesh-builder.ts';
import type { FindingsIndex } from './findings-index.ts';

/** The facts about one object from which its status is rendered. */
export interface ObjectFacts {
  /** `undefined` while nothing from this object is in force. */
  readonly mesh: string | undefined;
  /** Version of the whole mesh, which is the version that proxies acknowledge. */
  readonly meshVersion: string | undefined;
  /** Version of the trust domain's secret; `undefined` if there is no such secret. */
  readonly version: string | undefined;
  /** Findings on the object and its certificates, most severe first, without those about expiry. */
  readonly findings: readonly Finding[];
  /** Findings that explain why the trust domain is not, or not fully, served. */
  readonly obstacles: readonly Finding[];
  /** Findings on served certificates of this object that have expired or expire soon. */
  readonly expiry: readonly Finding[];
  /** Number of this object's certificates that are served. */
  readonly authorities: number;
  /** The earliest expiry of the served certificates, in epoch milliseconds. */
  readonly expires: number | undefined;
}

/** The bundle of a trust domain in its own secret, and its part of the merged secret of all trust domains. */
export interface ServedDomain {
  readonly perDomain: TrustBundle | undefined;
  readonly merged: TrustBundle | undefined;
}

/** The sources of an object's facts. */
export interface FactsInput {
  readonly path: string;
  /** The grants that this object contributes now. */
  readonly grants: readonly Grant[];
  readonly meshOf: (name: string) => MeshState | undefined;
  readonly domainOf: (mesh: string, trustDomain: string) => ServedDomain;
  readonly index: FindingsIndex;
  /** Epoch milliseconds. */
  readonly now: number;
}

const aboutDates: ReadonlySet<FindingCode> = new Set(['MT022', 'MT023']);
const aboutDomains: ReadonlySet<FindingCode> = new Set(['MT031', 'MT032']);

/** Returns the facts about one object. */
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
  const bundle = domain.perDomain;
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

/** Returns true if the merged secret contains every anchor that is served for this trust domain. */
function isWhole({ perDomain, merged }: ServedDomain): boolean {
  if (perDomain === merged) return true;
  const present = new Set(merged?.anchors.map(({ certificate }) => certificate.fingerprint));
  return perDomain?.anchors.every(({ certificate }) => present.has(certificate.fingerprint)) ?? true;
}

function obstaclesOf(index: FindingsIndex, mesh: string, trustDomain: string): readonly Finding[] {
  const findings = [...index.ofTrustDomain(mesh, trustDomain), ...index.ofTrustDomain(mesh, '')];
  return sorted(findings.filter(({ code }) => aboutDomains.has(code)));
}

/** Removes duplicates and sorts the findings, most severe first. */
function sorted(findings: readonly Finding[]): readonly Finding[] {
  return [...new Set(findings)].sort(compareFindings);
}
