import { finding, formatDate } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Severity } from '../findings/catalogue.ts';
import type { Certificate } from '../x509/certificate.ts';
import { expiresAt, isValidAt } from '../bundle/same-key-certificates.ts';
import { describeCa } from '../bundle/describe-ca.ts';
import type { TrustBundle } from '../bundle/trust-bundle.ts';

const day = 86_400_000;

/** The days before its expiry at which an anchor is reported, the most urgent stage first. */
const stages: readonly { readonly days: number; readonly severity: Severity }[] = [
  { days: 7, severity: 'warning' },
  { days: 30, severity: 'warning' },
  { days: 90, severity: 'info' },
];

/** The findings about the dates of a bundle, valid from `from` until `until` (epoch milliseconds). */
interface CachedFindings {
  readonly from: number;
  /** `undefined` if the findings never change. */
  readonly until: number | undefined;
  readonly findings: readonly Finding[];
}

/** The last findings of each bundle. At nearly every change, nearly all of them are still valid. */
const cache = new WeakMap<TrustBundle, CachedFindings>();

/**
 * Returns the findings about the dates of the anchors at a time (epoch milliseconds). An anchor that is not valid is an
 * error if no other anchor of its trust domain is valid, because Envoy then refuses every client of the trust domain;
 * otherwise it is a warning. Dates are only reported: Envoy enforces them with its own clock.
 */
export function expiryFindings(bundle: TrustBundle, now: number): readonly Finding[] {
  return findingsAt(bundle, now).findings;
}

/** Returns the next time (epoch milliseconds) at which the result of `expiryFindings` may change, if any. */
export function nextExpiryChange(bundle: TrustBundle, now: number): number | undefined {
  return findingsAt(bundle, now).until;
}

function findingsAt(bundle: TrustBundle, now: number): CachedFindings {
  const known = cache.get(bundle);
  if (known !== undefined && known.from <= now && now < (known.until ?? Infinity)) return known;
  const { mesh, trustDomain, anchors } = bundle;
  const isCutOff = !anchors.some(({ certificate }) => isValidAt(certificate, now));
  const findings = anchors.flatMap(({ certificate, listedBy, place }) => {
    const state = dateStateAt(certificate, now);
    if (state === undefined) return [];
    const { code, fact, severity } = state;
    const detail = {
      resource: listedBy[0],
      ...place,
      mesh,
      trustDomain,
      fingerprint: certificate.fingerprint,
    };
    const message = `${describeCa(certificate)} ${fact}`;
    if (code === 'MT023')
      return [finding(code, `${message}; list its successor beside it`, detail, severity)];
    return isCutOff
      ? [
          finding(
            code,
            `${message}; ${trustDomain} has no valid CA, and its clients are refused`,
            detail,
            'error',
          ),
        ]
      : [finding(code, `${message}; Envoy refuses its clients`, detail)];
  });
  let until: number | undefined;
  for (const { certificate } of anchors) {
    for (const at of thresholdsOf(certificate))
      if (at > now && (until === undefined || at < until)) until = at;
  }
  const result = { from: now, until, findings };
  cache.set(bundle, result);
  return result;
}

function thresholdsOf(certificate: Certificate): readonly number[] {
  const end = expiresAt(certificate);
  return [certificate.notBefore, end, ...stages.map(({ days }) => end - days * day)];
}

/** The state of a certificate by its dates. Each sentence stays true until the next threshold. */
type DateState =
  | { readonly code: 'MT022' | 'MT024'; readonly fact: string; readonly severity?: undefined }
  | { readonly code: 'MT023'; readonly fact: string; readonly severity: Severity };

function dateStateAt(certificate: Certificate, now: number): DateState | undefined {
  const { notBefore, notAfter } = certificate;
  if (notBefore > now) return { code: 'MT024', fact: `is not valid before ${formatDate(notBefore)}` };
  const left = expiresAt(certificate) - now;
  if (left <= 0) return { code: 'MT022', fact: `expired on ${formatDate(notAfter)}` };
  const stage = stages.find(({ days }) => left <= days * day);
  if (stage === undefined) return undefined;
  const { days, severity } = stage;
  return { code: 'MT023', fact: `expires on ${formatDate(notAfter)}, within ${days} days`, severity };
}
