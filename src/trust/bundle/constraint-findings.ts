import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import { nameProblem } from '../x509/match-names.ts';
import type { EnvoyEdition } from '../x509/match-names.ts';
import type { Certificate } from '../x509/certificate.ts';
import { signedBy } from '../x509/signed-by.ts';
import { readNameConstraints, readSubjectNames } from '../x509/subject-names.ts';
import { describeCa } from './describe-ca.ts';
import type { TrustBundle } from './trust-bundle.ts';

/**
 * Reports CAs whose name constraints admit no client of their trust domain: Envoy refuses a client whose only URI is a
 * SPIFFE ID of the trust domain. Envoy 1.40 compares URIs more strictly than 1.36, so an upgrade can cut clients off.
 */
export function constraintFindings({
  mesh,
  trustDomain,
  anchors,
}: Pick<TrustBundle, 'mesh' | 'trustDomain' | 'anchors'>): readonly Finding[] {
  const constrained = anchors.filter(({ certificate }) => certificate.nameConstraints);
  if (constrained.length === 0) return [];
  const ownNames = anchors.flatMap(({ certificate, rooting, place, listedBy }) => {
    if (rooting !== 'as-listed' || certificate.selfIssued) return [];
    const issuer = constrained.find((anchor) => refusingEditions(anchor.certificate, certificate).length > 0);
    if (issuer === undefined) return [];
    const editions = refusingEditions(issuer.certificate, certificate);
    const envoy = editions.length === 2 ? 'Envoy' : `Envoy ${editions.join()}`;
    const { fingerprint } = certificate;
    return [
      finding(
        'MT029',
        `${describeCa(certificate)} has a name of its own that the name constraints of its listed issuer, ${describeCa(issuer.certificate)}, refuse; ${envoy} refuses all of its clients`,
        { resource: listedBy[0], ...place, mesh, trustDomain, fingerprint },
      ),
    ];
  });
  const ofDomain = anchors.flatMap(({ certificate, place, listedBy }) => {
    if (!certificate.nameConstraints) return [];
    const constraints = readNameConstraints(certificate.der);
    if (constraints === undefined) return [];
    const id = { kind: 'uri', text: `spiffe://${trustDomain}/x` } as const;
    const isRefusedBy = (edition: '1.40' | '1.36'): boolean =>
      nameProblem(id, constraints, edition) !== undefined;
    const [newest, oldest] = [isRefusedBy('1.40'), isRefusedBy('1.36')];
    if (!newest && !oldest) return [];
    const effect = describeEffect(newest, oldest);
    const { fingerprint } = certificate;
    return [
      finding(
        'MT029',
        `${describeCa(certificate)} has name constraints that admit no URI of trust domain ${trustDomain}; ${effect}`,
        { resource: listedBy[0], ...place, mesh, trustDomain, fingerprint },
      ),
    ];
  });
  return [...ofDomain, ...ownNames];
}

/** The maximum number of comparisons that BoringSSL makes for one certificate. Above it, it refuses the path. */
const comparisonLimit = 2 ** 20;

const bothEditions: readonly EnvoyEdition[] = ['1.36', '1.40'];

/** Returns the Envoy versions in which the name constraints of `issuer`, if it signed `child`, refuse a name of it. */
function refusingEditions(issuer: Certificate, child: Certificate): readonly EnvoyEdition[] {
  if (!signedBy(child, issuer)) return [];
  const constraints = readNameConstraints(issuer.der);
  if (constraints === undefined) return [];
  const names = readSubjectNames(child.der);
  const bases = constraints.permitted.length + constraints.excluded.length;
  if (names.length * bases > comparisonLimit) return bothEditions;
  return bothEditions.filter((edition) =>
    names.some(
      (name) => ('isIa5' in name && !name.isIa5) || nameProblem(name, constraints, edition) !== undefined,
    ),
  );
}

function describeEffect(isRefusedByNewest: boolean, isRefusedByOldest: boolean): string {
  if (!isRefusedByNewest) return 'Envoy 1.36 refuses all of its clients, and Envoy 1.40 does not';
  return isRefusedByOldest
    ? 'Envoy refuses all of its clients'
    : 'Envoy 1.40 refuses all of its clients, and Envoy 1.36 does not: an upgrade cuts them off';
}
