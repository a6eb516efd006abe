import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Severity } from '../findings/catalogue.ts';
import type { Certificate } from '../x509/certificate.ts';
import { expiresAt, isValidAt } from '../bundle/same-key-certificates.ts';
import { describeCa } from '../bundle/describe-ca.ts';
import type { TrustBundle } from '../bundle/trust-bundle.ts';

const day = 86_400_000;

/** Days before its end at which an anchor is reported, from the most urgent stage on. */
const stages: readonly { readonly days: number; readonly severity: Severity }[] = [
  { days: 7, severity: 'warning' },
  { days: 30, severity: 'warning' },
  { days: 90, severity: 'info' },
];

/** The findings about the dates of a bundle, which hold from one time to another, in epoch milliseconds. */
interface Outlook {
  readonly from: number;
  /** `undefined` if they never change. */
  readonly until: number | undefined;
  readonly findings: readonly Finding[];
}

/** The last outlook of each bundle: at nearly every change nearly all of them still hold. */
const outlooks = new WeakMap<TrustBundle, Outlook>();

/**
 * The findings about the dates of the anchors at a time (epoch milliseconds). The severity says what users lose at
 * that time: an anchor that is not valid is an error if no other anchor of its trust domain is valid, because then
 * Envoy refuses every client of the trust domain. Dates are only reported: Envoy enforces them, by its own clock.
 */
export function expiryFindings(bundle: TrustBundle, now: number): readonly Finding[] {
  return outlookAt(bundle, now).findings;
}

/** The next time (epoch milliseconds) at which `expiryFindings` may return something else, if any. */
export function nextExpiryChange(bundle: TrustBundle, now: number): number | undefined {
  return outlookAt(bundle, now).until;
}

function outlookAt(bundle: TrustBundle, now: number): Outlook {
  const known = outlooks.get(bundle);
  if (known !== undefined && known.from <= now && now < (known.until ?? Infinity)) return known;
  const { mesh, trustDomain, anchors } = bundle;
  const isCutOff = !anchors.some(({ certificate }) => isValidAt(certificate, now));
  const findings = anchors.flatMap(({ certificate, listedBy, place }) => {
    const news = newsAt(certificate, now);
    if (news === undefined) return [];
    const { code, fact, severity } = news;
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
    for (const at of turningPoints(certificate))
      if (at > now && (until === undefined || at < until)) until = at;
  }
  const outlook = { from: now, until, findings };
  outlooks.set(bundle, outlook);
  return outlook;
}

function turningPoints(certificate: Certificate): readonly number[] {
  const end = expiresAt(certificate);
  return [certificate.notBefore, end, ...stages.map(({ days }) => end - days * day)];
}

/** What a date says about a certificate. Each sentence stays true until the next turning point. */
type News =
  | { readonly code: 'MT022' | 'MT024'; readonly fact: string; readonly severity?: undefined }
  | { readonly code: 'MT023'; readonly fact: string; readonly severity: Severity };

function newsAt(certificate: Certificate, now: number): News | undefined {
  const { notBefore, notAfter } = certificate;
  if (notBefore > now) return { code: 'MT024', fact: `is not valid before ${date(notBefore)}` };
  const left = expiresAt(certificate) - now;
  if (left <= 0) return { code: 'MT022', fact: `expired on ${date(notAfter)}` };
  const stage = stages.find(({ days }) => left <= days * day);
  if (stage === undefined) return undefined;
  const { days, severity } = stage;
  return { code: 'MT023', fact: `expires on ${date(notAfter)}, within ${days} days`, severity };
}

function date(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
