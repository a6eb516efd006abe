import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Limits } from '../model/limits.ts';
import type { CaSecret, IdentityProvider, MeshIdentity } from '../model/mesh-identity.ts';
import type { MeshTrust, TrustBlock, TrustDomain } from '../model/mesh-trust.ts';
import { blockFinding, checkBlocks } from '../model/read-blocks.ts';
import { parseTrustDomain } from '../model/trust-domain.ts';
import { derivedIdentityOf } from './derived-identity.ts';
import { meshIdentityKri } from './kri.ts';
import { renderTemplate } from './render-template.ts';

/** The other inputs of a derivation. */
export interface DeriveContext {
  /** The zone of resources without the label `kuma.io/zone`, if it is known. */
  readonly zone: string | undefined;
  /** The zones in which a resource without that label has an identity. Empty: only in `zone`. */
  readonly zones: readonly string[];
  readonly limits: Limits;
  /** Returns the CA certificates of a file that may be read here. */
  readonly fileOf: (path: string) => CaSecret | undefined;
  /** Returns the Secret of a name that the control plane would use for a MeshIdentity. */
  readonly secretOf: (identity: MeshIdentity, name: string) => CaSecret | undefined;
  /** Returns the MeshTrust that a control plane or a person made for the MeshIdentity, if there is one. */
  readonly meshTrustOf: (identity: MeshIdentity, kri: string) => MeshTrust | undefined;
  /** Whether a control plane publishes the CA certificates that it generated soon. */
  readonly isPublishedSoon: boolean;
  /** Returns whether a document may be incomplete, because its file is being written. */
  readonly isUnsettled: (document: CaSecret | MeshTrust) => boolean;
}

/** The MeshTrusts that follow from a MeshIdentity. */
export type Derivation = {
  readonly kri: string;
  readonly findings: readonly Finding[];
  /** The trust domains of the MeshIdentity, if they are known. */
  readonly trustDomains: readonly TrustDomain[];
  /** False if another document that it depends on may be incomplete. */
  readonly isSettled: boolean;
} & (
  | { readonly kind: 'trust'; readonly resources: readonly MeshTrust[] }
  /** It gives no trust of its own. */
  | { readonly kind: 'none'; readonly publication?: Publication | undefined }
  /**
   * The MeshTrusts cannot be determined now: the last derivation stays in force. `awaited`: the finding to report if
   * the control plane does not publish the CA certificates soon.
   */
  | { readonly kind: 'keep'; readonly awaited?: Finding | undefined }
);

/** The MeshTrust that has the CA certificates of a MeshIdentity. */
export interface Publication {
  readonly resource: MeshTrust;
  /**
   * Why the CA certificates are not read where the MeshIdentity has them; `undefined` if they are not to be read there.
   */
  readonly unavailable: Finding | undefined;
}

/**
 * Derives the MeshTrusts that Kuma's control plane makes of a MeshIdentity: one for each trust domain. It never
 * guesses: without a certain trust domain and a usable CA certificate the last derivation stays.
 */
export function derive(identity: MeshIdentity, context: DeriveContext): Derivation {
  const kri = kriOf(identity, context);
  const { place, provider } = identity;
  let trustDomains: readonly TrustDomain[] = [];
  let isSettled = true;
  const done = (kind: 'none' | 'keep', ...findings: readonly Finding[]): Derivation => ({
    kind,
    kri,
    trustDomains,
    isSettled,
    findings: [...identity.remarks, ...findings],
  });
  if (provider.kind === 'none')
    return done(
      'none',
      finding('MT070', `the resource adds no CA certificate to its mesh: ${provider.reason}`, place),
    );
  if (identity.providerFailure !== undefined)
    return done('keep', unavailable(`Kuma cannot use its provider (${identity.providerFailure})`, identity));
  const domains = trustDomainsOf(identity, context);
  if (domains.kind === 'failed') return done('keep', domains.finding);
  trustDomains = domains.names.map(({ name }) => name);
  if (provider.kind === 'autogenerate' && !provider.allowsSelfSigned)
    return done('keep', selfSignedNotAllowed(identity));
  const material = materialOf(identity, provider, kri, context);
  if (material.kind === 'published') {
    const drifts = domains.names.some(({ name }) => name === material.resource.trustDomain)
      ? []
      : [drift(material.resource.trustDomain, identity)];
    isSettled = !context.isUnsettled(material.resource);
    const { resource, reason } = material;
    const publication = {
      resource,
      unavailable: reason === undefined ? undefined : unavailable(reason, identity),
    };
    return { ...done('none', ...domains.findings, ...drifts), kind: 'none', publication };
  }
  if (material.kind === 'unavailable') {
    const problem = unavailable(material.reason, identity);
    return provider.kind === 'autogenerate' && context.isPublishedSoon
      ? { ...done('keep', ...domains.findings), kind: 'keep', awaited: problem }
      : done('keep', ...domains.findings, problem);
  }
  const { blocks, secret } = material;
  isSettled = secret === undefined || !context.isUnsettled(secret);
  const ofBlocks = blocks.length > context.limits.certificatesPerResource ? [] : blocks.flatMap(blockFinding);
  const problem = checkBlocks(blocks, context.limits, place);
  if (problem !== undefined) return done('keep', ...domains.findings, problem, ...ofBlocks);
  if (!provider.allowsSelfSigned && isSelfSigned(blocks[0]))
    return done('keep', selfSignedNotAllowed(identity));
  return {
    kind: 'trust',
    kri,
    trustDomains,
    isSettled,
    findings: [...identity.remarks, ...domains.findings],
    resources: domains.names.map(({ name, zone }) => resourceOf(identity, name, zone, blocks, kri)),
  };
}

function resourceOf(
  { identity, mesh, namespace, name, leafLifetimeMs, place }: MeshIdentity,
  trustDomain: TrustDomain,
  zone: string | undefined,
  blocks: readonly TrustBlock[],
  originKri: string,
): MeshTrust {
  const derived = derivedIdentityOf(identity, zone);
  return {
    identity: derived,
    mesh,
    namespace,
    name,
    trustDomain,
    originKri,
    place: { ...place, resource: derived },
    blocks: blocks.map((block) => ({ ...block, place: { ...block.place, resource: derived } })),
    derivation: { kind: 'derived', leafLifetimeMs },
  };
}

function kriOf({ mesh, namespace, displayName, labels }: MeshIdentity, { zone }: DeriveContext): string {
  return meshIdentityKri({ mesh, zone: labels['kuma.io/zone'] ?? zone ?? '', namespace, name: displayName });
}

type TrustDomains =
  | {
      readonly kind: 'names';
      /** With the zone, if the resource has a trust domain in each of several zones. */
      readonly names: readonly { readonly name: TrustDomain; readonly zone: string | undefined }[];
      readonly findings: readonly Finding[];
    }
  | { readonly kind: 'failed'; readonly finding: Finding };

function trustDomainsOf(identity: MeshIdentity, { zone, zones }: DeriveContext): TrustDomains {
  const { labels, pinnedTrustDomain } = identity;
  const ownZone = labels['kuma.io/zone'];
  if (pinnedTrustDomain !== undefined) {
    const pinned = readName(pinnedTrustDomain, identity);
    const rendered = render(identity, ownZone ?? zone);
    const drifts = rendered.kind === 'names' && rendered.names[0]?.name !== pinnedTrustDomain;
    if (pinned.kind === 'failed' || !drifts) return pinned;
    return { ...pinned, findings: [drift(pinnedTrustDomain, identity)] };
  }
  const usesZone = render(identity, undefined).kind === 'zone-unknown';
  if (ownZone !== undefined || zones.length === 0 || !usesZone)
    return withoutZoneUnknown(render(identity, ownZone ?? zone), identity);
  const all = zones.map((each) => ({ each, rendered: withoutZoneUnknown(render(identity, each), identity) }));
  const names = [];
  for (const { each, rendered } of all) {
    if (rendered.kind === 'failed') return rendered;
    names.push(...rendered.names.map(({ name }) => ({ name, zone: each })));
  }
  return { kind: 'names', names, findings: [] };
}

function render(
  identity: MeshIdentity,
  zone: string | undefined,
): TrustDomains | { readonly kind: 'zone-unknown' } {
  const { mesh, labels, trustDomainTemplate } = identity;
  const rendering = renderTemplate(trustDomainTemplate, { mesh, zone, labels });
  switch (rendering.kind) {
    case 'zone-unknown':
      return rendering;
    case 'failed':
      return {
        kind: 'failed',
        finding: finding(
          'MT072',
          `the template of the trust domain cannot be rendered here: ${rendering.reason}; list the trust domain in a MeshTrust`,
          identity.place,
        ),
      };
    case 'text':
      return readName(rendering.text, identity);
  }
}

function withoutZoneUnknown(
  rendered: TrustDomains | { readonly kind: 'zone-unknown' },
  { place }: MeshIdentity,
): TrustDomains {
  if (rendered.kind !== 'zone-unknown') return rendered;
  const message =
    'the trust domain depends on the zone, which is not known: set --zone, or the label kuma.io/zone of the resource';
  return { kind: 'failed', finding: finding('MT073', message, place) };
}

function readName(text: string, { place }: MeshIdentity): TrustDomains {
  const parsed = parseTrustDomain(text);
  return parsed.kind === 'trust-domain'
    ? { kind: 'names', names: [{ name: parsed.name, zone: undefined }], findings: [] }
    : {
        kind: 'failed',
        finding: finding('MT008', `the trust domain of the resource ${parsed.reason}`, place),
      };
}

type Material =
  /** `secret`: the other document that has them. */
  | {
      readonly kind: 'blocks';
      readonly blocks: readonly TrustBlock[];
      readonly secret: CaSecret | undefined;
    }
  /** A MeshTrust has the CA certificates. `reason`: why they are not read where the MeshIdentity has them. */
  | { readonly kind: 'published'; readonly resource: MeshTrust; readonly reason: string | undefined }
  | { readonly kind: 'unavailable'; readonly reason: string };

function materialOf(
  identity: MeshIdentity,
  provider: Exclude<IdentityProvider, { readonly kind: 'none' }>,
  kri: string,
  { fileOf, secretOf, meshTrustOf }: DeriveContext,
): Material {
  const { mesh, displayName } = identity;
  const publishedOr = (reason: string): Material => {
    const resource = meshTrustOf(identity, kri);
    return resource === undefined ? { kind: 'unavailable', reason } : { kind: 'published', resource, reason };
  };
  const blocksOr = (secret: CaSecret | undefined, reason: string): Material =>
    secret === undefined ? publishedOr(reason) : { kind: 'blocks', blocks: secret.blocks, secret };
  if (provider.kind === 'autogenerate') {
    const resource = meshTrustOf(identity, kri);
    if (resource !== undefined) return { kind: 'published', resource, reason: undefined };
    return blocksOr(
      secretOf(identity, `${displayName}-root-ca`),
      `the control plane keeps the CA that it generated; export its MeshTrust, or add the Secret ${displayName}-root-ca`,
    );
  }
  const { source } = provider;
  switch (source.kind) {
    case 'inline':
      return { kind: 'blocks', blocks: source.blocks, secret: undefined };
    case 'secret':
      return blocksOr(
        secretOf(identity, source.name),
        `no Secret of mesh ${mesh} with the name in certificate.secretRef has a CA certificate`,
      );
    case 'file':
      return blocksOr(
        fileOf(source.path),
        'its certificate is in a file, which is not read here: it must be below --identity-root; or list its MeshTrust',
      );
    case 'variable':
      return publishedOr(
        'its certificate is an environment variable of the control plane, which is not read; list its MeshTrust',
      );
    case 'beside-key':
      return publishedOr('its certificate is in the same place as its private key, so it is not read');
  }
}

function isSelfSigned(block: TrustBlock | undefined): boolean {
  return block?.kind === 'anchor' && block.certificate.selfSigned;
}

function unavailable(reason: string, { place }: MeshIdentity): Finding {
  return finding('MT071', `the CA certificate of the resource is not available: ${reason}`, place);
}

function selfSignedNotAllowed({ place }: MeshIdentity): Finding {
  return finding(
    'MT074',
    'the CA certificate of the resource is self-signed, and insecureAllowSelfSigned is not set; Kuma does not use it',
    place,
  );
}

function drift(inForce: string, { place }: MeshIdentity): Finding {
  return finding(
    'MT077',
    `the template of the resource gives another trust domain than ${inForce}, which is in force`,
    place,
  );
}
