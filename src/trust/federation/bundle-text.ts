import { encodePem } from '../pem/encode-pem.ts';
import type { BundleDocument } from '../model/bundle-document.ts';
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
