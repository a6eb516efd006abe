import type { BundleDocument } from '../model/bundle-document.ts';
import { walkCertificate } from '../x509/certificate-walk.ts';
import { DerError } from '../x509/der-reader.ts';
import type { HeldDocument } from './accept-document.ts';
import type { Relationship } from './relationship.ts';

/** Where the bundle in force comes from. */
export type BundleOrigin = 'fetched' | 'restored' | 'bootstrap' | 'none';

/** The part of a fetch that failed. */
export type FetchFailureReason = 'dns' | 'connect' | 'tls' | 'identity' | 'status' | 'document';

export interface FetchFailure {
  readonly reason: FetchFailureReason;
  /** The description of the event, without content of the response. */
  readonly message: string;
}

/** The state of one relationship. Times are epoch milliseconds. */
export interface RelationshipStatus {
  readonly relationship: Relationship;
  readonly origin: BundleOrigin;
  /** The bundle in force. */
  readonly document: BundleDocument | undefined;
  readonly dates: BundleDates | undefined;
  /** A document that does not count yet. */
  readonly held: HeldDocument | undefined;
  /** Why nothing is in force although there was a bundle. */
  readonly withdrawn: 'empty' | 'too-old' | undefined;
  readonly etag: string | undefined;
  readonly intervalMs: number;
  readonly lastSuccessAt: number | undefined;
  readonly lastAttemptAt: number | undefined;
  readonly nextAttemptAt: number | undefined;
  /** Why the last attempt failed; `undefined` if it did not. */
  readonly error: FetchFailure | undefined;
}

/**
 * Returns the state of a relationship in one word. `held`: a fetched document has to be confirmed. `withdrawn`: there
 * was a bundle, and nothing of it is in force.
 */
export function stateOf({
  error,
  held,
  origin,
  withdrawn,
}: RelationshipStatus): Exclude<BundleOrigin, 'none'> | 'failing' | 'held' | 'withdrawn' | 'never' {
  if (error !== undefined) return 'failing';
  if (held !== undefined) return 'held';
  if (withdrawn !== undefined) return 'withdrawn';
  return origin === 'none' ? 'never' : origin;
}

/** Returns the number of usable CA certificates in a bundle. Keys that are damaged or refused are not among them. */
export function caCount(document: BundleDocument | undefined): number {
  return (document?.certificates ?? []).filter(({ kind }) => kind === 'ca').length;
}

/** Dates of the certificates of a bundle. */
export interface BundleDates {
  /** The first end of a certificate, in epoch milliseconds. */
  readonly firstEnd: number;
  /** The shortest life of a certificate in milliseconds. */
  readonly shortestLife: number;
}

/** Returns the dates of a bundle; `undefined` if it has no legible certificate. */
export function bundleDates({ certificates }: BundleDocument): BundleDates | undefined {
  const all = certificates.flatMap((certificate) => {
    if (certificate.kind === 'damaged') return [];
    try {
      const { notBefore, notAfter } = walkCertificate(certificate.der);
      return { firstEnd: notAfter, shortestLife: notAfter - notBefore };
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      return [];
    }
  });
  if (all.length === 0) return undefined;
  return all.reduce((a, b) => ({
    firstEnd: Math.min(a.firstEnd, b.firstEnd),
    shortestLife: Math.min(a.shortestLife, b.shortestLife),
  }));
}
