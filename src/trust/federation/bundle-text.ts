import { encodePem } from '../pem/encode-pem.ts';
import type { BundleDocument } from '../model/bundle-document.ts';
import type { Limits } from '../model/limits.ts';
import type { Relationship } from './relationship.ts';

/** In place of a certificate that is not legible: the parser then retains the earlier ones (MT041). */
const damagedPem = '-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n';

/** Returns a bundle as the text of a MeshTrust: the parser and all later stages then treat it as any other one. */
export function bundleText(
  { mesh, trustDomain, name }: Pick<Relationship, 'mesh' | 'trustDomain' | 'name'>,
  { certificates }: Pick<BundleDocument, 'certificates'>,
): string {
  const caBundles = certificates.map((certificate) => ({
    type: 'Pem',
    pem: { value: certificate.kind === 'damaged' ? damagedPem : encodePem(certificate.der) },
  }));
  return JSON.stringify({ type: 'MeshTrust', name, mesh, spec: { trustDomain, caBundles } });
}

/**
 * Returns why the parser would refuse the MeshTrust of a bundle as a whole, or `undefined`. Such a bundle counts as one
 * that was not fetched: otherwise it would authenticate its endpoint, and count as in force, while an earlier one is.
 */
export function limitProblem(
  relationship: Pick<Relationship, 'mesh' | 'trustDomain' | 'name'>,
  bundle: Pick<BundleDocument, 'certificates'>,
  { certificatesPerResource, documentLength }: Limits,
): string | undefined {
  const { length } = bundle.certificates;
  if (length > certificatesPerResource)
    return `has ${length} keys for X.509-SVIDs, more than the limit of ${certificatesPerResource} (--max-certificates)`;
  return bundleText(relationship, bundle).length > documentLength
    ? `gives a MeshTrust of more than ${documentLength} characters (--max-document-bytes)`
    : undefined;
}
