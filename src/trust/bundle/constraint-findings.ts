import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import { describeCa } from './describe-ca.ts';
import { compareWithIssuers, refusingEditions } from './own-names.ts';
import type { ServedAnchor, TrustBundle } from './trust-bundle.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { EnvoyEdition } from '../x509/match-names.ts';

/** The input of `constraintFindings`: a bundle, and the issuers that are known for its intermediates. */
export interface ConstraintInput extends Pick<TrustBundle, 'mesh' | 'trustDomain' | 'anchors'> {
  readonly issuers: ReadonlyMap<Certificate, readonly Certificate[]>;
}

/**
 * Reports CAs whose name constraints admit no client of their trust domain: Envoy refuses a client whose only URI is a
 * SPIFFE ID of the trust domain. Envoy 1.40 compares URIs more strictly than 1.36, so an upgrade can cut clients off.
 */
export function constraintFindings({
  mesh,
  trustDomain,
  anchors,
  issuers,
}: ConstraintInput): readonly Finding[] {
  const constrained = anchors.filter(({ certificate }) => certificate.nameConstraints);
  if (constrained.length === 0) return [];
  const report = ({ certificate, place, listedBy }: ServedAnchor, message: string): Finding => {
    const { fingerprint } = certificate;
    const resource = listedBy[0];
    return finding('MT029', message, { resource, ...place, mesh, trustDomain, fingerprint });
  };
  const ofDomain = constrained.flatMap((anchor) => {
    const editions = refusingEditions(anchor.certificate, trustDomain);
    const message = `${describeCa(anchor.certificate)} has name constraints that admit no URI of trust domain ${trustDomain}; ${describeEffect(editions)}`;
    return editions.length === 0 ? [] : [report(anchor, message)];
  });
  const known = new Set(constrained.map(({ certificate }) => certificate));
  const pairs = anchors.flatMap(({ certificate, rooting }) => {
    if (rooting !== 'as-listed' || certificate.selfIssued) return [];
    const own = (issuers.get(certificate) ?? []).filter((issuer) => known.has(issuer));
    return own.length === 0 ? [] : [[certificate, own] as const];
  });
  const results = compareWithIssuers(pairs);
  const ownNames = anchors.flatMap((anchor) => {
    const result = results.get(anchor.certificate);
    if (result === undefined) return [];
    const ca = describeCa(anchor.certificate);
    const issuer = `its listed issuer, ${describeCa(result.issuer)}`;
    if (result.editions === undefined) {
      const message = `${ca} was not compared with the name constraints of ${issuer}: the CAs of trust domain ${trustDomain} have too many names and constraints; Envoy may refuse its clients`;
      return [report(anchor, message)];
    }
    const envoy = result.editions.length === 2 ? 'Envoy' : `Envoy ${result.editions.join()}`;
    const message = `${ca} has a name of its own that the name constraints of ${issuer}, refuse; ${envoy} refuses all of its clients`;
    return [report(anchor, message)];
  });
  return [...ofDomain, ...ownNames];
}

function describeEffect(editions: readonly EnvoyEdition[]): string {
  if (editions.length === 2) return 'Envoy refuses all of its clients';
  return editions[0] === '1.36'
    ? 'Envoy 1.36 refuses all of its clients, and Envoy 1.40 does not'
    : 'Envoy 1.40 refuses all of its clients, and Envoy 1.36 does not: an upgrade cuts them off';
}
