import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { reasonOf } from '../text/system-error.ts';

/** The contents of TLS files. */
export interface TlsFileContents {
  readonly certificate: Buffer;
  readonly key: Buffer;
  /** CAs of client certificates; undefined if clients need none. */
  readonly clientCa: Buffer | undefined;
}

/** Usable TLS material, with facts about the certificate. */
export interface TlsMaterial extends TlsFileContents {
  /** SHA-256 of the server's own certificate, lower-case hex. */
  readonly fingerprint: string;
  readonly subject: string;
  /** Epoch milliseconds. */
  readonly notAfter: number;
}

export type TlsMaterialResult =
  | { readonly kind: 'material'; readonly material: TlsMaterial }
  | { readonly kind: 'refused'; readonly reason: string };

/** Checks that the contents belong together and can be used. The reason quotes nothing of them. */
export function readTlsMaterial(contents: TlsFileContents): TlsMaterialResult {
  const { certificate, key, clientCa } = contents;
  const [own] = certificatesOf(certificate);
  if (own === undefined) return refused('the certificate file holds no certificate that can be read');
  // A CA file without a certificate must not accept every client.
  if (clientCa !== undefined && certificatesOf(clientCa).length === 0) {
    return refused('the client authority file holds no certificate that can be read');
  }
  try {
    createSecureContext({ cert: certificate, key, ca: clientCa });
  } catch (error) {
    return refused(reasonOf(error));
  }
  return {
    kind: 'material',
    material: {
      ...contents,
      fingerprint: own.fingerprint256.replaceAll(':', '').toLowerCase(),
      subject: own.subject.replaceAll('\n', ', '),
      notAfter: own.validToDate.getTime(),
    },
  };
}

function refused(reason: string): TlsMaterialResult {
  return { kind: 'refused', reason };
}

/** A block of a certificate, under each label that OpenSSL accepts in a file of CA certificates. */
const block = /-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[^-]*-----END \1-----/g;
const beginning = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/**
 * Returns all certificates of a PEM text; none if one of them cannot be read. A CA certificate that TLS finds in a file
 * must be found here as well: otherwise its removal would not be noticed.
 */
export function certificatesOf(pem: Buffer): readonly X509Certificate[] {
  const text = pem.toString('latin1');
  const blocks = text.match(block) ?? [];
  // A file that is being written may end within a block.
  if ((text.match(beginning) ?? []).length !== blocks.length) return [];
  try {
    return blocks.map((one) => new X509Certificate(one));
  } catch {
    return [];
  }
}
