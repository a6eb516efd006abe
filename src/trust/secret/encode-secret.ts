import { hash } from 'node:crypto';
import type { TrustBundle } from '../bundle/trust-bundle.ts';
import { encodePem } from '../pem/encode-pem.ts';
import { concat, concatKept, field, fieldHeader, lengthOf, stringField } from '../../xds/wire/write.ts';
import { denyAllCa } from './deny-all-ca.ts';

/** A named Envoy secret: an encoded `envoy.extensions.transport_sockets.tls.v3.Secret`. */
export interface Secret {
  readonly name: string;
  /** Hash of the content: equal if and only if the bytes are equal. */
  readonly version: string;
  /** The trust domains, in order. */
  readonly parts: readonly Part[];
  /** Bytes of the trust domains: all of `body` but about 200 bytes. */
  readonly contentSize: number;
  /** The encoded message. */
  readonly body: Uint8Array;
}

/** One `SPIFFECertValidatorConfig.TrustDomain`, encoded as a field of its parent. */
export interface Part {
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
}

const parts = new WeakMap<TrustBundle, Part>();

/** Returns the part of a trust domain. It is encoded once per bundle and shared by all secrets that contain it. */
export function partOf(bundle: TrustBundle): Part {
  let part = parts.get(bundle);
  if (part === undefined) {
    const pem = bundle.anchors.map((anchor) => encodePem(anchor.der)).join('');
    parts.set(bundle, (part = encodePart(bundle.trustDomain, pem)));
  }
  return part;
}

/** The part that denies all: a reserved trust domain that no client belongs to, with a CA without a private key. */
const denyAllPart: Part = encodePart(denyAllCa.trustDomain, denyAllCa.pem);

/** The trust domains of a secret, in order. */
export interface SecretContent {
  readonly parts: readonly Part[];
  /** SHA-256 over the hashes of the parts. */
  readonly hash: Uint8Array;
  readonly size: number;
}

/**
 * Joins trust domains into the content of a secret, in the given order. Envoy accepts a validation context without CAs
 * and then accepts every client, so the content always has at least one trust domain: without parts, the deny-all one.
 */
export function secretContent(given: readonly Part[]): SecretContent {
  const parts = given.length === 0 ? [denyAllPart] : given;
  return {
    parts,
    hash: sha256(concat(parts.map((part) => part.hash))),
    size: lengthOf(parts.map((part) => part.bytes)),
  };
}

/**
 * Makes a secret: a validation context with the SPIFFE validator and the given trust domains. Its body is encoded on
 * first access, and kept.
 */
export function encodeSecret(name: string, content: SecretContent): Secret {
  let body: Uint8Array | undefined;
  return {
    name,
    version: versionOf(name, content),
    parts: content.parts,
    contentSize: content.size,
    get body(): Uint8Array {
      return (body ??= encodeBody(name, content));
    },
  };
}

/**
 * Makes a secret whose body is encoded at each access, and not kept. A client that subscribes to many names makes its
 * streams keep such a secret for each of them: it takes a tenth of the memory.
 */
export function encodeUnkeptSecret(name: string, content: SecretContent): Secret {
  return new UnkeptSecret(name, content);
}

// A class, because an object with getters of its own has functions of its own.
class UnkeptSecret implements Secret {
  readonly name: string;
  readonly version: string;
  readonly #content: SecretContent;

  constructor(name: string, content: SecretContent) {
    this.name = name;
    this.version = versionOf(name, content);
    this.#content = content;
  }

  get parts(): readonly Part[] {
    return this.#content.parts;
  }

  get contentSize(): number {
    return this.#content.size;
  }

  get body(): Uint8Array {
    return encodeBody(this.name, this.#content);
  }
}

function versionOf(name: string, content: SecretContent): string {
  // Not a slice of a longer text, which would keep all of it.
  return sha256(concat([Buffer.from(`${name}\0`), content.hash])).toString('hex', 0, 16);
}

const validatorName = stringField(1, 'envoy.tls.cert_validator.spiffe');
const validatorType = stringField(
  1,
  'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig',
);

/** Encodes Secret > CertificateValidationContext > TypedExtensionConfig > Any > SPIFFECertValidatorConfig. */
function encodeBody(name: string, { parts, size }: SecretContent): Uint8Array {
  const any = [validatorType, fieldHeader(2, size)];
  const typedExtension = [validatorName, fieldHeader(2, lengthOf(any) + size), ...any];
  const validationContext = [fieldHeader(12, lengthOf(typedExtension) + size), ...typedExtension];
  const secret = [
    stringField(1, name),
    fieldHeader(4, lengthOf(validationContext) + size),
    ...validationContext,
  ];
  return concatKept([...secret, ...parts.map((part) => part.bytes)]);
}

function encodePart(trustDomain: string, pem: string): Part {
  const dataSource = pem === '' ? new Uint8Array() : stringField(3, pem);
  const bytes = field(1, stringField(1, trustDomain), field(2, dataSource));
  return { bytes, hash: sha256(bytes) };
}

function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}
