import { readDetails } from '../verify/extension-details.ts';
import { walkCertificate } from '../x509/certificate-walk.ts';
import { DerError } from '../x509/der-reader.ts';

/**
 * Returns why the certificate of a server is not the X.509-SVID of the expected SPIFFE ID (X509-SVID, section 5.2), or
 * `undefined`. Its chain is checked elsewhere.
 */
export function endpointProblem(der: Uint8Array, expectedId: string): string | undefined {
  try {
    const { extensions, extensionsField } = walkCertificate(der);
    const { keyUsage, names } = readDetails(der, extensionsField);
    if (extensions.basicConstraints?.ca === true) return 'its certificate is a CA';
    if (keyUsage?.keyCertSign === true || keyUsage?.crlSign === true)
      return 'its certificate may sign certificates or CRLs';
    const uris = (names ?? []).flatMap((name) => (name.kind === 'uri' ? name.text : []));
    if (uris.length !== 1) return `its certificate has ${uris.length === 0 ? 'no' : 'several'} SPIFFE IDs`;
    return uris[0] === expectedId ? undefined : 'its certificate has another SPIFFE ID';
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return 'its certificate cannot be read';
  }
}
