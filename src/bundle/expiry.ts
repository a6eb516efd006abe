import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Severity } from '../findings/catalogue.ts';
import type { Certificate } from '../x509/certificate.ts';
import { expiresAt } from './choose-twins.ts';
import type { TrustBundle } from './trust-bundle.ts';

const day = 86_400_000;

/** Days before the end at which an anchor's expiry is reported, and how loudly. */
const stages: readonly { readonly days: number; readonly severity: Severity }[] = [
  { days: 7, severity: 'error' },
  { days: 30, severity: 'warning' },
  { days: 90, severity: 'info' },
];

/** What the dates of a bundle say from one time to another, in epoch milliseconds. */
interface Outlook {
  readonly from: number;
  /** Undefined: for good. */
  readonly until: number | undefined;
  readonly findings: readonly Finding[];
}

/** The last outlook of each bundle: at nearly every change nearly all of them still hold. */
const outlooks = new WeakMap<TrustBundle, Outlook>();

/**
 * What the dates of the anchors have to say at a time (epoch milliseconds). Expiry is only reported: it is
 * Envoy that enforces it, by its own clock.
 */
export function expiryFindings(bundle: TrustBundle, now: number): readonly Finding[] {
  return outlookAt(bundle, now).findings;
}

/** The next time (epoch milliseconds) at which `expiryFindings` may answer otherwise, if any. */
export function nextExpiryChange(bundle: TrustBundle, now: number): number | undefined {
  return outlookAt(bundle, now).until;
}

function outlookAt(bundle: TrustBundle, now: number): Outlook {
  const known = outlooks.get(bundle);
  if (known !== undefined && known.from <= now && now < (known.until ?? Infinity)) return known;
  const findings = bundle.anchors.flatMap(({ certificate, listedBy }) => {
    const said = sentenceAt(certificate, now);
    if (said === undefined) return [];
    const { mesh, trustDomain } = bundle;
    const detail = { mesh, trustDomain, resource: listedBy[0], fingerprint: certificate.fingerprint };
    return [finding(said.code, said.message, detail, said.severity)];
  });
  let until: number | undefined;
  for (const { certificate } of bundle.anchors) {
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

/** No sentence says more than what holds until the next turning point. */
function sentenceAt(
  certificate: Certificate,
  now: number,
):
  | { readonly code: 'MT022' | 'MT023' | 'MT024'; readonly message: string; readonly severity?: Severity }
  | undefined {
  const { notBefore, notAfter } = certificate;
  if (notBefore > now) {
    const message = `is not valid before ${date(notBefore)}: until then Envoy refuses its clients`;
    return { code: 'MT024', message };
  }
  const left = expiresAt(certificate) - now;
  if (left <= 0) {
    return { code: 'MT022', message: `expired on ${date(notAfter)}: Envoy refuses its clients` };
  }
  const stage = stages.find(({ days }) => left <= days * day);
  if (stage === undefined) return undefined;
  const message = `expires on ${date(notAfter)}, within ${stage.days} days`;
  return { code: 'MT023', message, severity: stage.severity };
}

function date(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
