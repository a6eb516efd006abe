import { createHash } from 'node:crypto';
import type { BundleDocument } from '../model/bundle-document.ts';

/** The state of the documents of one endpoint. Times are epoch milliseconds. */
export interface BundleMemory {
  /** The document in force; `undefined` before the first. It has no certificate after a confirmed withdrawal. */
  readonly applied: BundleDocument | undefined;
  readonly held: HeldDocument | undefined;
}

/** A document that does not count yet. */
export interface HeldDocument {
  /** `lower-sequence`: it may be an old copy. `empty`: it revokes everything. */
  readonly kind: 'lower-sequence' | 'empty';
  readonly digest: string;
  readonly sequence: number | undefined;
  /** When it came first, and how many times in a row it has come. */
  readonly since: number;
  readonly count: number;
}

/** The effect of a document on what is served. */
export type DocumentEffect = 'apply' | 'unchanged' | 'hold' | 'withdraw';

export const emptyMemory: BundleMemory = { applied: undefined, held: undefined };

/** A lower sequence counts once the same content has come this many times, and for this time in milliseconds. */
const lowerSequence = { count: 3, ms: 300_000 };
/** An empty bundle counts once it has come this many times, and for this time in milliseconds. */
const emptyBundle = { count: 2, ms: 30_000 };

/** Returns when a held document is fetched again, in milliseconds, so that it counts as soon as it may. */
export function confirmAfterMs({ kind }: HeldDocument): number {
  return kind === 'empty' ? emptyBundle.ms : lowerSequence.ms / (lowerSequence.count - 1);
}

/**
 * Decides the effect of a document that was fetched from the authenticated endpoint. Only its certificates count as
 * content: other keys and hints may change at any time. A lower sequence is not refused for good, because SPIRE begins
 * at 1 after it was installed again. An empty bundle has to be confirmed, because it revokes a whole trust domain, the
 * first document too: a bootstrap bundle or one of an earlier run may be in force.
 */
export function acceptDocument(
  { applied, held }: BundleMemory,
  document: BundleDocument,
  now: number,
): { readonly memory: BundleMemory; readonly effect: DocumentEffect } {
  const digest = digestOf(document);
  const isEmpty = document.certificates.length === 0;
  if (applied !== undefined && digestOf(applied) === digest) {
    const sequence = highest(applied.sequence, document.sequence);
    return { memory: { applied: { ...document, sequence }, held: undefined }, effect: 'unchanged' };
  }
  const isLower = isBelow(document.sequence, applied?.sequence);
  if (!isLower && !isEmpty) return { memory: { applied: document, held: undefined }, effect: 'apply' };
  const kind = isEmpty ? 'empty' : 'lower-sequence';
  const isSame = held?.digest === digest && held.kind === kind;
  const { sequence } = document;
  const next: HeldDocument = isSame
    ? // A clock that went back must not make the wait longer by that time.
      { ...held, sequence, since: Math.min(held.since, now), count: held.count + 1 }
    : { kind, digest, sequence, since: now, count: 1 };
  const rules = [...(isLower ? [lowerSequence] : []), ...(isEmpty ? [emptyBundle] : [])];
  if (rules.every(({ count, ms }) => next.count >= count && now - next.since >= ms))
    return { memory: { applied: document, held: undefined }, effect: isEmpty ? 'withdraw' : 'apply' };
  return { memory: { applied, held: next }, effect: 'hold' };
}

/** Returns a hash of the certificates of a document, in their order. */
export function digestOf({ certificates }: BundleDocument): string {
  const hash = createHash('sha256');
  for (const certificate of certificates) {
    const part = certificate.kind === 'damaged' ? new Uint8Array() : certificate.der;
    hash.update(`${part.length}:`).update(part);
  }
  return hash.digest('hex');
}

function isBelow(sequence: number | undefined, before: number | undefined): boolean {
  return sequence !== undefined && before !== undefined && sequence < before;
}

function highest(a: number | undefined, b: number | undefined): number | undefined {
  return isBelow(b, a) ? a : (b ?? a);
}
