/**
 * Makes `src/trust/secret/deny-all-ca.ts`: the certificate authority of the trust domain that nobody is in.
 *
 *     node scripts/make-deny-all-ca.ts
 *
 * Its public key is a point of P-256 found by hashing a label, with no private key on the way, so nobody
 * has one: to find it is to take the discrete logarithm of that point. Every byte follows from the
 * constants below; a test makes the certificate again and compares.
 */
import { createHash, createPublicKey } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import {
  bitString,
  booleanTrue,
  contextConstructed,
  integer,
  octetString,
  oid,
  sequence,
  time,
} from '../test/kit/der.ts';
import { encodeKeyUsage, encodeName, keyIdentifier } from '../test/kit/issue-certificate.ts';
import { toPem } from '../test/kit/pem.ts';

/** What is hashed, before a counter of four bytes. It has no structure to hide anything in. */
const label = 'meshtrust deny-all certificate authority';

/** P-256 (FIPS 186-5, SP 800-186, 3.2.1.3): y^2 = x^3 - 3x + b modulo p. */
const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/** A point of P-256 whose discrete logarithm nobody knows, and the counter that led to it. */
export interface HashedPoint {
  readonly x: bigint;
  readonly y: bigint;
  readonly counter: number;
}

/**
 * Try and increment: x is SHA-256 of the label and a big-endian counter from 0 on, until there is a y; of
 * the two the even one. Half of all x have one, so this ends within a few steps.
 */
export function hashToPoint(text: string): HashedPoint {
  for (let counter = 0; ; counter++) {
    const suffix = Buffer.alloc(4);
    suffix.writeUInt32BE(counter);
    const x = BigInt(`0x${createHash('sha256').update(text).update(suffix).digest('hex')}`);
    const square = (x ** 3n - 3n * x + b) % p;
    // p is 3 modulo 4, so this is a square root where there is one.
    const root = power(square, (p + 1n) / 4n);
    if (x < p && (root * root) % p === square) {
      return { x, y: root % 2n === 0n ? root : p - root, counter };
    }
  }
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = base % p, left = exponent; left > 0n; left >>= 1n, square = (square * square) % p) {
    if (left & 1n) result = (result * square) % p;
  }
  return result;
}

/** The DER of the certificate: always the same bytes. */
export function makeDenyAllCa(): Buffer {
  const { x, y } = hashToPoint(label);
  const point = Buffer.from(`04${hex32(x)}${hex32(y)}`, 'hex');
  const spki = sequence(sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')), bitString(point));
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const name = encodeName([['CN', 'meshtrust deny-all: nobody has the private key']]);
  const algorithm = sequence(oid('1.2.840.10045.4.3.2'));
  const tbs = sequence(
    contextConstructed(0, integer(2n)),
    integer(1n),
    algorithm,
    name,
    sequence(time(new Date('1970-01-01T00:00:00Z')), time(new Date('9999-12-31T23:59:59Z'))),
    name,
    spki,
    contextConstructed(
      3,
      sequence(
        sequence(oid('2.5.29.14'), octetString(octetString(keyIdentifier(publicKey)))),
        sequence(oid('2.5.29.19'), booleanTrue(), octetString(sequence(booleanTrue()))),
        sequence(oid('2.5.29.15'), booleanTrue(), octetString(encodeKeyUsage(['keyCertSign']))),
      ),
    ),
  );
  // Well-formed, and no signature of anything: without a private key there is none, and validators do not
  // check an anchor's own (RFC 5280, 6.1).
  return sequence(tbs, algorithm, bitString(sequence(integer(1n), integer(1n))));
}

function hex32(value: bigint): string {
  return value.toString(16).padStart(64, '0');
}

/** The text of the generated module. */
export function denyAllModule(): string {
  const der = makeDenyAllCa();
  const lines = toPem(der).trimEnd().split('\n');
  const { counter } = hashToPoint(label);
  return `// Made by scripts/make-deny-all-ca.ts; not to be edited.
import { denyAllTrustDomain } from '../model/trust-domain.ts';

/**
 * The certificate authority that is served where there is no trust. Nobody has its private key: the x of
 * its public key is SHA-256('${label}' followed by the
 * counter ${counter} in four bytes), the first of such hashes that is on P-256, and y is the even one of the two.
 */
export const denyAllCa = {
  trustDomain: denyAllTrustDomain,
  /** SHA-256 of the DER, lower-case hex. */
  fingerprint: '${createHash('sha256').update(der).digest('hex')}',
  pem: [
${lines.map((line) => `    '${line}',`).join('\n')}
    '',
  ].join('\\n'),
} as const;
`;
}

if (import.meta.main) {
  await writeFile(
    fileURLToPath(new URL('../src/trust/secret/deny-all-ca.ts', import.meta.url)),
    denyAllModule(),
  );
}
