import { hash } from 'node:crypto';
import { finding } from '../../trust/findings/finding.ts';
import type { Finding } from '../../trust/findings/finding.ts';
import { parseSpiffeId } from '../../trust/model/spiffe-id.ts';
import { parseTrustDomain } from '../../trust/model/trust-domain.ts';
import type { TrustBundle } from '../../trust/bundle/trust-bundle.ts';
import type { SpiffeBundle } from '../../trust/federation/write-bundle-document.ts';
import { decodePem } from '../../trust/pem/decode-pem.ts';
import type { MeshStates } from '../../trust/snapshot/mesh-builder.ts';
import { readLink } from '../../trust/verify/link.ts';
import { readLeafId } from '../../trust/verify/spiffe-id.ts';
import type { TrustedDomain } from '../../trust/verify/verdict.ts';
import { verifyLeaf } from '../../trust/verify/verify-leaf.ts';
import type { PublishedBundle } from './published-bundles.ts';

/** The X509-SVID of an endpoint with the profile `https_spiffe`. */
export interface EndpointSvid {
  readonly leaf: Uint8Array;
  readonly chain: readonly Uint8Array[];
  readonly id: string;
  readonly trustDomain: string;
}

/**
 * Reads the certificate chain (PEM) of an endpoint with the profile `https_spiffe`. If the first certificate cannot be
 * an X509-SVID, returns the reason as a sentence (X509-SVID, section 5.2; SPIFFE Federation, section 5.2.2.3).
 */
export function readEndpointSvid(pem: string): EndpointSvid | string {
  const ders = decodePem(pem).flatMap((block) => (block.kind === 'refused' ? [] : [block.der]));
  const [leaf, ...chain] = ders;
  if (leaf === undefined) return 'the certificate file holds no certificate that can be read';
  const read = readLink(leaf);
  if (read.kind === 'unreadable') return `the certificate cannot be read: ${read.reason}`;
  const { basicConstraints, keyUsage, names } = read.link;
  if (basicConstraints?.ca === true) return 'the certificate is a CA certificate, not an X509-SVID';
  if (keyUsage?.keyCertSign === true || keyUsage?.crlSign === true)
    return 'the key usage of the certificate allows it to sign certificates or CRLs, which an X509-SVID must not';
  const uris = names?.filter(({ kind }) => kind === 'uri').length ?? 0;
  if (uris !== 1) return `the certificate has ${uris} URIs; an X509-SVID has exactly one, its SPIFFE ID`;
  const id = readLeafId(names);
  if (id.kind === 'none') return id.reason;
  const name = parseTrustDomain(id.trustDomain);
  if (name.kind === 'invalid') return `the trust domain of the SPIFFE ID ${name.reason}`;
  const valid = parseSpiffeId(id.id);
  if (typeof valid === 'string')
    return `the SPIFFE ID of the certificate is not valid, it ${valid}: ${id.id}`;
  return { leaf, chain, id: id.id, trustDomain: name.name };
}

/** The bundles with which consumers verify the endpoint. */
export interface EndpointTrust {
  readonly published: readonly PublishedBundle[];
  /** The served state of the meshes whose bundles the endpoint publishes. */
  readonly meshes: MeshStates;
}

/**
 * Returns a finding MT081 for each mesh whose consumers refuse the certificate of the endpoint, or one finding if this
 * cannot be checked. `now` is in epoch milliseconds.
 */
export function endpointFindings(
  svid: EndpointSvid,
  { published, meshes }: EndpointTrust,
  file: string,
  now: number,
): readonly Finding[] {
  const { trustDomain } = svid;
  const own = published.filter((bundle) => bundle.trustDomain === trustDomain);
  const domains =
    own.length > 0
      ? own.map(({ mesh, document }) => ({
          mesh,
          domain: { name: trustDomain, anchors: anchorsOf(document) },
        }))
      : [...meshes].flatMap(([mesh, { bundle }]) => servedDomain(mesh, bundle.bundles, trustDomain));
  if (domains.length === 0) {
    const message = `the bundle endpoint has the SPIFFE ID ${svid.id}, but no CA certificate of trust domain ${trustDomain} is served: whether consumers accept its certificate cannot be checked`;
    return [finding('MT081', message, { file, trustDomain })];
  }
  return domains.flatMap(({ mesh, domain }) => {
    const { leaf, chain } = svid;
    const verdict = verifyLeaf({ leaf, chain, domains: [domain], now, isDecisionOnly: true });
    if (verdict.kind === 'admitted') return [];
    const message = `consumers with the current bundle of trust domain ${trustDomain} refuse the certificate of the bundle endpoint from their next fetch on: ${verdict.sentence}`;
    return [finding('MT081', message, { file, mesh, trustDomain })];
  });
}

/**
 * Returns when the result of `endpointFindings` may change without another change: when a certificate of the chain
 * begins or ceases to be valid. In epoch milliseconds; `undefined` for never.
 */
export function nextEndpointCheck({ leaf, chain }: EndpointSvid, now: number): number | undefined {
  const times = [leaf, ...chain].flatMap((der) => {
    const read = readLink(der);
    // A certificate is valid until the end of the second of its notAfter.
    return read.kind === 'unreadable' ? [] : [read.link.notBefore, read.link.notAfter + 1000];
  });
  const later = times.filter((time) => time > now);
  return later.length === 0 ? undefined : Math.min(...later);
}

function servedDomain(
  mesh: string,
  bundles: readonly TrustBundle[],
  trustDomain: string,
): readonly { readonly mesh: string; readonly domain: TrustedDomain }[] {
  const bundle = bundles.find((candidate) => candidate.trustDomain === trustDomain);
  if (bundle === undefined || bundle.anchors.length === 0) return [];
  const anchors = bundle.anchors.map(({ certificate: { fingerprint }, rooting, der }) => ({
    fingerprint,
    rooting,
    der,
  }));
  return [{ mesh, domain: { name: trustDomain, anchors } }];
}

/** Returns the anchors of a document. Consumers use its certificates as they are, so all count as listed. */
function anchorsOf({ keys }: SpiffeBundle): TrustedDomain['anchors'] {
  return keys.map(({ x5c: [text] }) => {
    const der = Buffer.from(text, 'base64');
    return { fingerprint: hash('sha256', der), rooting: 'as-listed', der };
  });
}

/**
 * Returns a finding MT080 for each published bundle without CA certificates: its consumers refuse every certificate.
 */
export function publicationFindings(published: readonly PublishedBundle[]): readonly Finding[] {
  return published
    .filter(({ isEmpty }) => isEmpty)
    .map(({ mesh, trustDomain }) => {
      const message = `the published bundle of trust domain ${trustDomain} has no CA certificate: its consumers refuse every certificate of the trust domain, and SPIRE cannot fetch over https_spiffe again until its operator sets the bundle by hand`;
      return finding('MT080', message, { mesh, trustDomain });
    });
}
