import type { Grant } from '../ledger/entry.ts';
import type { IdentityProvider, MeshIdentity } from '../model/mesh-identity.ts';
import type { Identity, MeshTrust } from '../model/mesh-trust.ts';
import { meshIdentityOf } from './derived-identity.ts';

/** The MeshTrusts that are derived from a MeshIdentity. */
export interface Given {
  readonly resources: readonly MeshTrust[];
  /**
   * The longest lifetime of leaves in milliseconds, of all versions of the MeshIdentity in which it had the CA, by the
   * fingerprint of the CA.
   */
  readonly lifetimes: ReadonlyMap<string, number>;
  /** Where the MeshIdentity has its CA certificates; `undefined` if that is not known, as after a restart. */
  readonly from?: string | undefined;
  /** A MeshTrust that has the CA certificates of the MeshIdentity instead. */
  readonly published?: MeshTrust | undefined;
}

export const nothing: Given = { resources: [], lifetimes: new Map() };

/** Returns what a version of a MeshIdentity gives, after `earlier`. */
export function givenBy(
  resources: readonly MeshTrust[],
  { leafLifetimeMs, provider }: Pick<MeshIdentity, 'leafLifetimeMs' | 'provider'>,
  earlier: Given | undefined,
): Given {
  return { resources, lifetimes: lifetimesOf(resources, leafLifetimeMs, earlier), from: placeOfCa(provider) };
}

/** Returns a text that is equal for equal places of CA certificates. */
export function placeOfCa(provider: IdentityProvider): string {
  const source = provider.kind === 'ca' ? provider.source : undefined;
  if (source?.kind === 'secret') return `secret ${source.name}`;
  if (source?.kind === 'file') return `file ${source.path}`;
  return source?.kind ?? provider.kind;
}

function lifetimesOf(
  resources: readonly MeshTrust[],
  leafLifetimeMs: number,
  earlier: Given | undefined,
): ReadonlyMap<string, number> {
  const lifetimes = new Map<string, number>();
  for (const { blocks } of resources)
    for (const block of blocks) {
      if (block.kind !== 'anchor') continue;
      const { fingerprint } = block.certificate;
      lifetimes.set(fingerprint, Math.max(leafLifetimeMs, earlier?.lifetimes.get(fingerprint) ?? 0));
    }
  return lifetimes;
}

/** Returns what each MeshIdentity of a path gave in an earlier run, by the identity of the MeshIdentity. */
export function restoredGiven(grants: readonly Grant[]): ReadonlyMap<Identity, Given> {
  const given = new Map<Identity, Given>();
  for (const { resource } of grants) {
    const identity = meshIdentityOf(resource.identity);
    if (identity === undefined || resource.derivation?.kind !== 'derived') continue;
    const earlier = given.get(identity) ?? nothing;
    const lifetimes = lifetimesOf([resource], resource.derivation.leafLifetimeMs, earlier);
    given.set(identity, {
      resources: [...earlier.resources, resource],
      lifetimes: new Map([...earlier.lifetimes, ...lifetimes]),
    });
  }
  return given;
}

/** Returns the key of a CA certificate in a trust domain. */
export function anchorKey(trustDomain: string, fingerprint: string): string {
  return `${trustDomain}/${fingerprint}`;
}

/** Returns the keys of all CA certificates of the resources. */
export function anchorKeys(resources: Iterable<MeshTrust>): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const { trustDomain, blocks } of resources)
    for (const block of blocks)
      if (block.kind === 'anchor') keys.add(anchorKey(trustDomain, block.certificate.fingerprint));
  return keys;
}
