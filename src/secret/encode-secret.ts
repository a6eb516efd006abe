import { createHash } from 'node:crypto';
import type { TrustBundle } from '../bundle/trust-bundle.ts';
import { encodePem } from '../pem/encode-pem.ts';
import { concat, field, stringField } from '../wire/write.ts';
import { denyAllCa } from './deny-all-ca.ts';

/** A named Envoy secret: the encoded `envoy.extensions.transport_sockets.tls.v3.Secret`. */
export interface Secret {
  readonly name: string;
  /** Hash of the content: equal if and only if the bytes are. */
  readonly version: string;
  /** Bytes of its trust domains: all of `body` but about 200. */
  readonly contentSize: number;
  /** The encoded message; made when it is first asked for. */
  readonly body: Uint8Array;
}

/** One `SPIFFECertValidatorConfig.TrustDomain`, encoded as a field of its parent. */
export interface Part {
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
}

const parts = new WeakMap<TrustBundle, Part>();

/** The part of a trust domain; encoded once for each bundle, whatever the number of secrets it is in. */
export function partOf(bundle: TrustBundle): Part {
  let part = parts.get(bundle);
  if (part === undefined) {
    const pem = bundle.anchors.map((anchor) => encodePem(anchor.der)).join('');
    parts.set(bundle, (part = encodePart(bundle.trustDomain, pem)));
  }
  return part;
}

/** Trust in nobody: a trust domain that no client can be of, with an authority that has no private key. */
export const denyAllPart: Part = encodePart(denyAllCa.trustDomain, denyAllCa.pem);

/**
 * A validation context with the SPIFFE validator and the given trust domains, in the order of the parts.
 * Envoy accepts an empty context and then lets in everybody, so
 * there is always at least one trust domain: with no parts it is the deny-all one.
 */
export function encodeSecret(name: string, given: readonly Part[]): Secret {
  const content = given.length === 0 ? [denyAllPart] : given;
  const hash = createHash('sha256').update(name).update('\0');
  let length = 0;
  for (const part of content) {
    hash.update(part.hash);
    length += part.bytes.length;
  }
  const version = hash.digest('hex').slice(0, 32);
  let body: Uint8Array | undefined;
  return {
    name,
    version,
    contentSize: length,
    get body(): Uint8Array {
      return (body ??= wrap(name, concat(content.map((part) => part.bytes))));
    },
  };
}

const validatorName = 'envoy.tls.cert_validator.spiffe';
const validatorType =
  'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig';

function wrap(name: string, validatorConfig: Uint8Array): Uint8Array {
  const any = [stringField(1, validatorType), field(2, validatorConfig)];
  const typedExtension = [stringField(1, validatorName), field(2, ...any)];
  const validationContext = field(12, ...typedExtension);
  return concat([stringField(1, name), field(4, validationContext)]);
}

function encodePart(trustDomain: string, pem: string): Part {
  const dataSource = pem === '' ? new Uint8Array() : stringField(3, pem);
  const bytes = field(1, stringField(1, trustDomain), field(2, dataSource));
  return { bytes, hash: createHash('sha256').update(bytes).digest() };
}
