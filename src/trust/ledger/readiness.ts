import { isImportSource } from './import-sources.ts';
import type { SourceStatus } from './source-status.ts';

/** The input of `readinessOf`. Times are monotonic milliseconds. */
export interface ReadinessInput {
  readonly sources: readonly SourceStatus[];
  /** The names of sources that are not waited for once they have failed. */
  readonly optional?: ReadonlySet<string> | undefined;
  /** When the last source finished its first complete read; `undefined` before. */
  readonly syncedAt: number | undefined;
  readonly now: number;
  readonly holdMs: number;
}

/** Whether trust may be served, and if not, why. */
export type Readiness =
  | { readonly kind: 'ready' }
  /** The sources that have not been read completely yet, each with its first failure. */
  | { readonly kind: 'waiting'; readonly missing: readonly string[] }
  /** The first read is doubtful; its valid part is served from `until` on. */
  | { readonly kind: 'doubtful'; readonly reason: string; readonly until: number };

/**
 * Returns whether trust may be served for the first time. No proxy is answered before the first complete read. A first
 * read that finds an invalid document, or no MeshTrust, is served only after `holdMs`: no last good state exists to
 * compare it with.
 */
export function readinessOf({ sources: all, optional, syncedAt, now, holdMs }: ReadinessInput): Readiness {
  // The Global control plane may be unreachable: trust of this zone does not wait for it.
  const sources = all.filter(({ name }) => !isImportSource(name));
  const missing = sources
    .filter((source) => !isRead(source, optional))
    .map(({ name, failure }) => (failure === undefined ? name : `${name} (${failure})`));
  if (missing.length > 0) return { kind: 'waiting', missing };
  if (sources.some((source) => source.restored)) return { kind: 'ready' };
  const reason = doubtReason(sources);
  if (reason === undefined || syncedAt === undefined || now >= syncedAt + holdMs) return { kind: 'ready' };
  return { kind: 'doubtful', reason, until: syncedAt + holdMs };
}

/** Follows the readiness from the start until trust may be served. A source that fails later does not change it. */
export class ReadinessState {
  readonly #rules: Pick<ReadinessInput, 'optional' | 'holdMs'>;
  #syncedAt: number | undefined;
  #current: Readiness = { kind: 'waiting', missing: [] };

  constructor(rules: Pick<ReadinessInput, 'optional' | 'holdMs'>) {
    this.#rules = rules;
  }

  get current(): Readiness {
    return this.#current;
  }

  /** Returns whether the state of the sources at a time (monotonic milliseconds) changes the readiness. */
  update(sources: readonly SourceStatus[], now: number): boolean {
    const before = this.#current;
    if (before.kind === 'ready') return false;
    const { optional } = this.#rules;
    if (sources.every((source) => isFirstReadDone(source, optional))) this.#syncedAt ??= now;
    this.#current = readinessOf({ ...this.#rules, sources, syncedAt: this.#syncedAt, now });
    return JSON.stringify(this.#current) !== JSON.stringify(before);
  }
}

/** Returns whether a source has given what it will give for now. */
function isRead(
  { name, synced, restored, failure }: SourceStatus,
  optional: ReadinessInput['optional'],
): boolean {
  return (
    isImportSource(name) || synced || restored || (failure !== undefined && optional?.has(name) === true)
  );
}

/** Returns whether a source has been read completely, or will not be waited for. */
function isFirstReadDone(source: SourceStatus, optional: ReadinessInput['optional']): boolean {
  if (isImportSource(source.name)) return true;
  return source.synced || (!source.restored && isRead(source, optional));
}

function doubtReason(sources: readonly SourceStatus[]): string | undefined {
  const rejected = sources.reduce((sum, source) => sum + source.rejected, 0);
  if (rejected > 0)
    return `the first read found ${rejected === 1 ? 'an invalid document' : `${rejected} invalid documents`}`;
  return sources.every((source) => source.accepted === 0) ? 'the first read found no MeshTrust' : undefined;
}
