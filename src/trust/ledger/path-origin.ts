import { isImportedPath, isImportKnown, isImportSource } from './import-sources.ts';
import type { SourceStatus } from './source-status.ts';

/** The name of the source whose texts are fetched bundles. */
export const federationSource = 'federation';

/** Who vouches for a CA certificate, in the order of who comes first: this zone, another zone, or a peer. */
export const origins = ['local', 'imported', 'federated'] as const;

export type Origin = (typeof origins)[number];

/** Returns who vouches for what a file or object lists, by its path. */
export function originOfPath(path: string): Origin {
  if (path.startsWith(`${federationSource}:`)) return 'federated';
  return isImportedPath(path) ? 'imported' : 'local';
}

/** Returns the first of several origins in their order; `local` for none. */
export function firstOrigin(some: Iterable<Origin>): Origin {
  const present = new Set(some);
  return origins.find((origin) => present.has(origin)) ?? 'local';
}

/** Returns whether all that this zone lists is known: its sources were read completely, and nothing is broken. */
export function isLocalRead(
  sources: readonly Pick<SourceStatus, 'name' | 'synced' | 'rejected' | 'unreadable'>[],
): boolean {
  return sources
    .filter(({ name }) => name !== federationSource && !isImportSource(name))
    .every(({ synced, rejected, unreadable }) => synced && rejected === 0 && unreadable === 0);
}

/**
 * Returns whether all trust is known: that of this zone, of the Global control plane, and of peers. The bundle of a
 * single peer may be missing. A source that fails after that keeps what it had.
 */
export function isAllKnown(
  sources: readonly Pick<SourceStatus, 'name' | 'synced' | 'restored' | 'rejected' | 'unreadable'>[],
): boolean {
  const areBundlesKnown = sources
    .filter(({ name }) => name === federationSource)
    .every(({ synced, restored }) => synced || restored);
  return areBundlesKnown && isLocalRead(sources) && isImportKnown(sources);
}
