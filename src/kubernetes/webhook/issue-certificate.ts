import { generateKeyPair, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import forge from 'node-forge';

/** A certificate with its key and the authority that was made for it alone, all PEM. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

export interface IssueOptions {
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  /** Epoch milliseconds. */
  readonly now: number;
  readonly lifetimeMs?: number | undefined;
}

const day = 86_400_000;
const defaultLifetimeMs = 90 * day;
/** Clocks of other machines may be behind. */
const backdateMs = 3_600_000;
const generate = promisify(generateKeyPair);

/**
 * Makes a serving certificate and a CA for it. The key of the CA is forgotten with the return: it signs this one
 * certificate and nothing else, ever. RSA, since node-forge signs with nothing else; the keys are made by Node.js,
 * outside of the event loop.
 */
export async function issueCertificate(options: IssueOptions): Promise<IssuedCertificate> {
  const [ca, own] = [await makeKeys(), await makeKeys()];
  const authorityName = [
    { shortName: 'CN', value: `meshtrust webhook CA ${randomBytes(4).toString('hex')}` },
  ];
  const authority = draft(ca, options);
  authority.setSubject(authorityName);
  authority.setIssuer(authorityName);
  authority.setExtensions([
    { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
    { name: 'keyUsage', critical: true, keyCertSign: true },
    { name: 'subjectKeyIdentifier' },
  ]);
  authority.sign(ca.privateKey, forge.md.sha256.create());

  const certificate = draft(own, options);
  certificate.setSubject([{ shortName: 'CN', value: 'meshtrust webhook' }]);
  certificate.setIssuer(authorityName);
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: false },
    { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: options.names.map(altName) },
  ]);
  certificate.sign(ca.privateKey, forge.md.sha256.create());
  return { certificate: toPem(certificate), key: own.pem, authority: toPem(authority) };
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

/** A certificate without names, extensions and signature. */
function draft(
  { publicKey }: Keys,
  { now, lifetimeMs = defaultLifetimeMs }: IssueOptions,
): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = publicKey;
  // 0x40 to 0x7f first: positive, and of one length.
  certificate.serialNumber = `4${randomBytes(16).toString('hex').slice(1)}`;
  certificate.validity.notBefore = new Date(now - backdateMs);
  certificate.validity.notAfter = new Date(now + lifetimeMs);
  return certificate;
}

/** GeneralName (RFC 5280, 4.2.1.6): dNSName is 2, iPAddress 7. */
function altName(name: string): object {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name };
}

function toPem(certificate: forge.pki.Certificate): string {
  return forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
}
