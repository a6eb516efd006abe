import type { X509Certificate } from 'node:crypto';
import {
  describeChainCertificate,
  hasSigned,
  indexIssuers,
  readChainCertificate,
} from './chain-certificate.ts';
import type { ChainCertificate } from './chain-certificate.ts';
import type { ClaimedCertificate } from './claim.ts';
import { findChain, isBelow } from './find-chain.ts';
import { createRecentAnswers } from './recent-answers.ts';
import type { Answer } from './recent-answers.ts';

/** The CA certificates of clients: those in force, and those that were removed since the start. */
export interface ClientCas {
  /** Called with the CA certificates in force: at the start, and after each change. */
  update(inForce: readonly X509Certificate[]): void;
  /**
   * True if the certificate is below a CA that was removed or has expired, and no valid chain leads from it to a root
   * in force. As with TLS, a chain consists of certificates that the client sent and of those in force, and an
   * intermediate in force is no root. `now`: epoch milliseconds.
   */
  refuses(certificate: ClaimedCertificate, now: number): boolean;
}

/** The most removed CA certificates that are remembered: a file can have all roots of an operating system. */
const mostRemoved = 1_000;

/**
 * Creates a memory of CA certificates. TLS verifies a certificate when the connection begins, which may be long before
 * a stream. A CA of which nothing is known here is no reason to refuse: TLS may have read the changed file first. Once
 * more than `most` were removed, it may be one of those that were forgotten, so it is refused.
 */
export function createClientCas(most = mostRemoved): ClientCas {
  let current = new Map<string, ChainCertificate>();
  let removed = new Map<string, ChainCertificate>();
  let [inForce, gone] = [indexIssuers([]), indexIssuers([])];
  let hasForgotten = false;
  /** The time at which the first CA in force expires. */
  let firstEnd = Number.POSITIVE_INFINITY;
  const answers = createRecentAnswers<boolean>();
  const never = Number.POSITIVE_INFINITY;
  const hasRemoved = (): boolean => removed.size > 0 || hasForgotten;

  function isRoot(one: ChainCertificate): boolean {
    if (!current.has(one.fingerprint)) return false;
    // As in OpenSSL, which does not verify the signature of a listed CA that names itself as its issuer: the old key of
    // a root may have signed the new one.
    if (one.x509.checkIssued(one.x509)) return true;
    // The self-signed certificate of a client, whose key may not sign certificates.
    const isSelfIssued = one.fields === undefined || one.fields.subject === one.fields.issuer;
    return isSelfIssued && hasSigned(one, one);
  }

  function decide({ leaf, chain }: ClaimedCertificate, now: number): Answer<boolean> {
    // All that the client sent: some may be there to hide those that are below a removed or expired CA.
    const above = chain.flatMap((der) => readChainCertificate(der) ?? []);
    // No signature is verified while TLS would decide the same.
    const until = Math.min(firstEnd, firstEndOf(above));
    if (!hasRemoved() && now <= until) return { value: false, until };
    const own = readChainCertificate(leaf);
    // TLS has read it, so its connection is closed by now.
    if (own === undefined) return { value: true, until: never };
    const sent = indexIssuers(above);
    const search = findChain(own, [inForce, sent], isRoot, now);
    if (search.kind === 'found') return { value: false, until: search.until };
    // Which CA it has is unknown if the client sent too much.
    const isUnknown = hasForgotten || search.kind === 'unknown';
    const isOver = (one: ChainCertificate): boolean => removed.has(one.fingerprint) || now > endOf(one);
    return { value: isUnknown || isBelow(own, [gone, inForce, sent], isOver) !== false, until: never };
  }

  return {
    update(cas) {
      const known = new Map([...removed, ...current]);
      const next = new Map(
        cas.map((ca) => [ca.fingerprint256, known.get(ca.fingerprint256) ?? describeChainCertificate(ca)]),
      );
      const left = [...known].filter(([fingerprint]) => !next.has(fingerprint));
      removed = new Map(left.slice(-most));
      hasForgotten ||= left.length > most;
      current = next;
      firstEnd = firstEndOf([...current.values()]);
      inForce = indexIssuers([...current.values()]);
      gone = indexIssuers([...removed.values()]);
      answers.clear();
    },
    refuses(certificate, now) {
      if (!hasRemoved() && now <= firstEnd && certificate.chain.length === 0) return false;
      return answers.of(certificate, now, () => decide(certificate, now));
    },
  };
}

/** Returns when a certificate expires, in epoch milliseconds. */
function endOf({ x509 }: ChainCertificate): number {
  return x509.validToDate.getTime();
}

function firstEndOf(certificates: readonly ChainCertificate[]): number {
  return Math.min(...certificates.map(endOf));
}
