import { randomBytes } from 'node:crypto';
import { makeAuthority } from '../../issue/authority.ts';

/** A serving certificate with its key and the CA that signed it, all PEM. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

export interface IssueOptions {
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  /** Epoch milliseconds. */
  readonly now: number;
  /** Milliseconds; 90 days. */
  readonly lifetimeMs?: number | undefined;
}

const day = 86_400_000;

/**
 * Makes a serving certificate and a CA for it. The key of the CA is dropped when this returns: it signs this one
 * certificate and nothing else, ever.
 */
export async function issueCertificate({
  names,
  now,
  lifetimeMs = 90 * day,
}: IssueOptions): Promise<IssuedCertificate> {
  const commonName = `meshtrust webhook CA ${randomBytes(4).toString('hex')}`;
  const authority = await makeAuthority({ commonName, now, lifetimeMs });
  const issued = await authority.issue({ commonName: 'meshtrust webhook', names });
  return { ...issued, authority: authority.certificate };
}
