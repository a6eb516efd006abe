import { randomBytes } from 'node:crypto';
import { makeAuthority } from '../../issue/authority.ts';

/** A serving certificate, its private key, and the CA certificate that issued it, all in PEM. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

/** The parameters of a certificate. */
export interface IssueOptions {
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  /** Epoch milliseconds. */
  readonly now: number;
  /** Lifetime in milliseconds. Default: 90 days. */
  readonly lifetimeMs?: number | undefined;
}

const day = 86_400_000;

/**
 * Makes a serving certificate and a CA for it. The private key of the CA is discarded, so the CA cannot issue another
 * certificate.
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
