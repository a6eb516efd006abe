import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import { nameProblem } from '../x509/match-names.ts';
import { readNameConstraints } from '../x509/subject-names.ts';
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
  return anchors.flatMap(({ certificate, place, listedBy }) => {
    if (!certificate.nameConstraints) return [];
    const constraints = readNameConstraints(certificate.der);
    if (constraints === undefined) return [];
    const id = { kind: 'uri', text: `spiffe://${trustDomain}/x` } as const;
    if (nameProblem(id, constraints, '1.40') === undefined) return [];
    const isUpgrade = nameProblem(id, constraints, '1.36') === undefined;
    const effect = isUpgrade
      ? 'Envoy 1.40 refuses all of its clients, and Envoy 1.36 does not: an upgrade cuts them off'
      : 'Envoy refuses all of its clients';
    const { fingerprint } = certificate;
    return [
      finding(
        'MT029',
        `${describeCa(certificate)} has name constraints that admit no URI of trust domain ${trustDomain}; ${effect}`,
        { resource: listedBy[0], ...place, mesh, trustDomain, fingerprint },
      ),
    ];
  });
}
