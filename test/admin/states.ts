import type { Rooting, ServedAnchor, TrustBundle } from '../../src/trust/bundle/trust-bundle.ts';
import type { Identity, TrustDomain } from '../../src/trust/model/mesh-trust.ts';
import type { Secret } from '../../src/trust/secret/encode-secret.ts';
import type { MeshState } from '../../src/trust/snapshot/mesh-builder.ts';
import type { Certificate } from '../../src/trust/x509/certificate.ts';

export interface AnchorText {
  readonly name: string;
  readonly rooting?: Rooting;
  readonly issuer?: string;
  /** Year of the end. */
  readonly until?: number;
  readonly listedBy?: readonly string[];
  /** Whether the point of its key is compressed. */
  readonly compressed?: boolean;
}

/** An anchor with made-up bytes, so that everything about it is the same in each run. */
export function anchorOf({
  name,
  rooting = 'as-listed',
  issuer = name,
  until = 2036,
  listedBy = ['default//trust'],
  compressed = false,
}: AnchorText): ServedAnchor {
  const digit = (name.codePointAt(0) ?? 0).toString(16).slice(-1);
  const bytes = new TextEncoder().encode(name);
  const certificate: Certificate = {
    fingerprint: `${digit}1`.repeat(32),
    keyHash: `${digit}2`.repeat(32),
    compressedKeyHash: compressed ? `${digit}3`.repeat(32) : undefined,
    der: bytes,
    subject: `CN=${name}`,
    issuer: `CN=${issuer}`,
    subjectDer: bytes,
    issuerDer: bytes,
    publicKeyDer: bytes,
    version: 3,
    serial: '01',
    notBefore: Date.UTC(2026, 0, 2, 3, 4, 5),
    notAfter: Date.UTC(until, 0, 2, 3, 4, 5),
    keyAlgorithm: 'ECDSA P-256',
    selfIssued: issuer === name,
    selfSigned: issuer === name,
    subjectKeyId: undefined,
    authorityKeyId: undefined,
    authoritySerial: undefined,
    authorityIssuerDer: undefined,
    pathLength: undefined,
    nameConstraints: false,
    demandsPolicy: false,
    // Names and signatures are made up, so nothing is known about the issuers.
    signatureSupported: false,
  };
  return {
    certificate,
    der: bytes,
    rooting,
    listedBy: listedBy as readonly Identity[],
    place: {},
    origin: 'local',
  };
}

export function domainOf(trustDomain: string, anchors: readonly AnchorText[], mesh = 'default'): TrustBundle {
  return {
    mesh,
    trustDomain: trustDomain as TrustDomain,
    anchors: anchors.map(anchorOf),
    findings: [],
    caNamesSize: 0,
    distrusted: [],
    validFrom: undefined,
    nextChange: undefined,
  };
}

/** A mesh with made-up secrets: their encoding is not what these tests are about. */
export function meshOf(
  bundles: readonly TrustBundle[],
  merged: readonly TrustBundle[] = bundles,
  mesh = 'default',
): MeshState {
  const names = ['system_trust_bundle', ...bundles.map(({ trustDomain }) => `spiffe://${trustDomain}`)];
  const secrets = names.map((name): [string, Secret] => [
    name,
    { name, version: `version of ${name}`, parts: [], contentSize: name.length, body: new Uint8Array() },
  ]);
  const denyAll = bundles.length === 0;
  return {
    bundle: { mesh, bundles, merged, findings: [] },
    secrets: { mesh, version: 'version of the mesh', secrets: new Map(secrets), denyAll, findings: [] },
  };
}
