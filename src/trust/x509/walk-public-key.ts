import { DerError, createCursor, inside, tag } from './der-reader.ts';
import type { Cursor, Element } from './der-reader.ts';
import { takeOctetsAsBits, takeOid, takeUnsigned, unsignedValue } from './der-values.ts';

/** Named curves that Envoy supports, by hex of the identifier, with the size of a coordinate. */
const curves: Readonly<Record<string, { readonly name: string; readonly bytes: number }>> = {
  '2b81040021': { name: 'P-224', bytes: 28 },
  '2a8648ce3d030107': { name: 'P-256', bytes: 32 },
  '2b81040022': { name: 'P-384', bytes: 48 },
  '2b81040023': { name: 'P-521', bytes: 66 },
};

/** Parsers by hex of the algorithm identifier. Each returns the type for display, or `undefined` if not supported. */
const algorithms: Readonly<Record<string, (parameters: Cursor, key: Uint8Array) => string | undefined>> = {
  '2a864886f70d010101': walkRsa,
  '2a8648ce3d0201': walkEc,
  '2b6570': walkEd25519,
  '608648016503040311': walkMlDsa('ML-DSA-44', 1312),
  '608648016503040312': walkMlDsa('ML-DSA-65', 1952),
  '608648016503040313': walkMlDsa('ML-DSA-87', 2592),
};

/** Returns whether Envoy 1.40 supports a type of keys (in the form for display) that Envoy 1.36 does not. */
export function isNewKeyType(display: string): boolean {
  return display.startsWith('ML-DSA-');
}

/** A SubjectPublicKeyInfo, and the type of its key for display: `RSA 2048`, `ECDSA P-256`, `Ed25519`. */
export interface PublicKeyPart {
  readonly element: Element;
  /** `undefined` if the key is malformed or Envoy does not support its algorithm. */
  readonly display: string | undefined;
  /** Why the key is malformed, if Envoy supports its algorithm. */
  readonly problem: string | undefined;
}

/** Reads a SubjectPublicKeyInfo. OpenSSL checks later whether a point is on its curve. */
export function takePublicKey(cursor: Cursor): PublicKeyPart {
  const element = cursor.take(tag.sequence, 'the public key');
  const fields = inside(cursor.der, element);
  const algorithm = inside(cursor.der, fields.take(tag.sequence, 'the public key algorithm'));
  const oid = takeOid(algorithm, 'the public key algorithm');
  const key = takeOctetsAsBits(fields, 'the public key');
  fields.done('the public key');
  try {
    return { element, display: algorithms[oid]?.(algorithm, key), problem: undefined };
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return { element, display: undefined, problem: error.message };
  }
}

/** Parses an RSA key (RFC 3279, section 2.3.1). BoringSSL loads keys beyond these limits but never uses them. */
function walkRsa(parameters: Cursor, key: Uint8Array): string {
  const nothing = parameters.take(tag.null, 'the parameters of the RSA key');
  parameters.done('the public key algorithm');
  if (nothing.body !== nothing.end) throw new DerError('the parameters of the RSA key are not empty');
  const outer = createCursor(key, 0, key.length);
  const fields = inside(key, outer.take(tag.sequence, 'the RSA key'));
  outer.done('the RSA key');
  const modulus = takeUnsigned(fields, 'the RSA modulus');
  const exponent = takeUnsigned(fields, 'the RSA exponent');
  fields.done('the RSA key');
  const bits = bitLength(key, modulus);
  const e = unsignedValue(key, exponent);
  if (bits < 512 || bits > 16384) throw new DerError(`an RSA modulus of ${bits} bits is out of bounds`);
  if (e < 3 || e >= 2 ** 33 || e % 2 === 0) throw new DerError('the RSA exponent is even or out of bounds');
  if (((key[modulus.end - 1] ?? 0) & 1) === 0) throw new DerError('the RSA modulus is even');
  return `RSA ${bits}`;
}

/** Parses an EC key (RFC 5480, section 2): a named curve and an uncompressed or compressed point (SEC 1, 2.3.3). */
function walkEc(parameters: Cursor, key: Uint8Array): string | undefined {
  const oid = takeOid(parameters, 'the curve of the key');
  parameters.done('the public key algorithm');
  const curve = curves[oid];
  if (curve === undefined) return undefined;
  const isCompressed = key[0] === 2 || key[0] === 3;
  if ((key[0] !== 4 && !isCompressed) || key.length !== 1 + (isCompressed ? 1 : 2) * curve.bytes) {
    throw new DerError(`the key is not a point of ${curve.name}`);
  }
  return `ECDSA ${curve.name}`;
}

/** Parses an Ed25519 key (RFC 8410, section 4). */
function walkEd25519(parameters: Cursor, key: Uint8Array): string {
  parameters.done('the public key algorithm');
  if (key.length !== 32) throw new DerError('the Ed25519 key is not 32 bytes long');
  return 'Ed25519';
}

/** Returns a parser of ML-DSA keys (RFC 9881, section 4). */
function walkMlDsa(display: string, bytes: number): (parameters: Cursor, key: Uint8Array) => string {
  return (parameters, key) => {
    parameters.done('the public key algorithm');
    if (key.length !== bytes) throw new DerError(`the ${display} key is not ${bytes} bytes long`);
    return display;
  };
}

function bitLength(key: Uint8Array, { body, end }: Element): number {
  const start = key[body] === 0 ? body + 1 : body;
  return start === end ? 0 : (end - start) * 8 - (Math.clz32(key[start] ?? 0) - 24);
}
