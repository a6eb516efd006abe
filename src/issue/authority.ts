import { generateKeyPair, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import forge from 'node-forge';

/** A CA that signs with a key in memory only. */
export interface Authority {
  /** The certificate of the CA, PEM. */
  readonly certificate: string;
  /** Makes a key and a certificate for it. */
  issue(subject: Subject): Promise<IssuedCertificate>;
}

/** A certificate and its private key, both PEM. */
interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** The subject of a certificate. */
interface Subject {
  readonly commonName: string;
  /** DNS names and IP addresses of a server. */
  readonly names?: readonly string[];
  /** SPIFFE ID of a client. */
  readonly spiffeId?: string;
}

export interface AuthorityOptions {
  readonly commonName: string;
  /** Epoch milliseconds. */
  readonly now: number;
  /** How long the certificates of the CA and of its subjects are valid, in milliseconds. */
  readonly lifetimeMs: number;
}

/** The clocks of other machines may be behind by this time. */
const backdateMs = 3_600_000;
const generate = promisify(generateKeyPair);

/**
 * Makes a CA. Its key is RSA, because node-forge signs with nothing else. Node.js generates the keys outside of the
 * event loop.
 */
export async function makeAuthority(options: AuthorityOptions): Promise<Authority> {
  const keys = await makeKeys();
  const name = [{ shortName: 'CN', value: options.commonName }];
  const authority = draft(keys, options);
  authority.setSubject(name);
  authority.setIssuer(name);
  authority.setExtensions([
    { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
    { name: 'keyUsage', critical: true, keyCertSign: true },
    { name: 'subjectKeyIdentifier' },
  ]);
  authority.sign(keys.privateKey, forge.md.sha256.create());
  return {
    certificate: toPem(authority),
    async issue({ commonName, names = [], spiffeId }) {
      const own = await makeKeys();
      const certificate = draft(own, options);
      certificate.setSubject([{ shortName: 'CN', value: commonName }]);
      certificate.setIssuer(name);
      certificate.setExtensions([
        { name: 'basicConstraints', critical: true, cA: false },
        { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: true },
        { name: 'extKeyUsage', serverAuth: names.length > 0, clientAuth: spiffeId !== undefined },
        { name: 'subjectAltName', altNames: [...names.map(altName), ...(spiffeId ? [uri(spiffeId)] : [])] },
      ]);
      certificate.sign(keys.privateKey, forge.md.sha256.create());
      return { certificate: toPem(certificate), key: own.pem };
    },
  };
}

interface Keys {
  readonly pem: string;
  readonly privateKey: forge.pki.rsa.PrivateKey;
  readonly publicKey: forge.pki.rsa.PublicKey;
}

async function makeKeys(): Promise<Keys> {
  const { privateKey, publicKey } = await generate('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return {
    pem: privateKey,
    privateKey: forge.pki.privateKeyFromPem(privateKey),
    publicKey: forge.pki.publicKeyFromPem(publicKey),
  };
}

/** Returns a certificate without names, extensions and signature. */
function draft({ publicKey }: Keys, { now, lifetimeMs }: AuthorityOptions): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = publicKey;
  // The first byte is 0x40 to 0x4f, so that the number is positive and always of one length.
  certificate.serialNumber = `4${randomBytes(16).toString('hex').slice(1)}`;
  certificate.validity.notBefore = new Date(now - backdateMs);
  certificate.validity.notAfter = new Date(now + lifetimeMs);
  return certificate;
}

/** GeneralName (RFC 5280, section 4.2.1.6): dNSName is 2, iPAddress 7. */
function altName(name: string): object {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name };
}

/** GeneralName uniformResourceIdentifier (RFC 5280, section 4.2.1.6). */
function uri(value: string): object {
  return { type: 6, value };
}

function toPem(certificate: forge.pki.Certificate): string {
  return forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
}
