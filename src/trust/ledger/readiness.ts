import type { SourceStatus } from './ledger.ts';

export interface ReadinessInput {
  readonly sources: readonly SourceStatus[];
  /** When the last source finished its first complete read; undefined before. */
  readonly syncedAt: number | undefined;
  readonly now: number;
  readonly holdMs: number;
}

export type Readiness =
  | { readonly kind: 'ready' }
  /** Sources that have not been read completely yet, each with the first of what it cannot read. */
  | { readonly kind: 'waiting'; readonly missing: readonly string[] }
  /** The first read is doubtful; what is valid of it is served from `until` on. */
  | { readonly kind: 'doubtful'; readonly reason: string; readonly until: number };

/**
 * Whether trust may be served for the first time. Nothing is answered before the first complete read, and
 * a first read that meets something invalid, or nothing, is not believed before it has lasted: there is no
 * last good state to compare it with.
 */
export function readinessOf({ sources, syncedAt, now, holdMs }: ReadinessInput): Readiness {
  const missing = sources
    .filter((source) => !source.synced && !source.restored)
    .map(({ name, failure }) => (failure === undefined ? name : `${name} (${failure})`));
  if (missing.length > 0) return { kind: 'waiting', missing };
  if (sources.some((source) => source.restored)) return { kind: 'ready' };
  const reason = doubt(sources);
  if (reason === undefined || syncedAt === undefined || now >= syncedAt + holdMs) return { kind: 'ready' };
  return { kind: 'doubtful', reason, until: syncedAt + holdMs };
}

function doubt(sources: readonly SourceStatus[]): string | undefined {
  const rejected = sources.reduce((sum, source) => sum + source.rejected, 0);
  if (rejected > 0)
    return `the first read met ${rejected === 1 ? 'an invalid document' : `${rejected} invalid documents`}`;
  return sources.every((source) => source.accepted === 0) ? 'the first read met no MeshTrust' : undefined;
}
