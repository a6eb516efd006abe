import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Severity } from '../findings/catalogue.ts';
import { expiresAt } from './choose-twins.ts';
import type { TrustBundle } from './trust-bundle.ts';

const day = 86_400_000;

/** Days before the end at which an anchor's expiry is reported, and how loudly. */
const stages: readonly { readonly days: number; readonly severity: Severity }[] = [
  { days: 7, severity: 'error' },
  { days: 30, severity: 'warning' },
  { days: 90, severity: 'info' },
];

/**
 * What the dates of the anchors have to say at a time (epoch milliseconds). Expiry is only reported: it is
 * Envoy that enforces it, by its own clock.
 */
export function expiryFindings(bundle: TrustBundle, now: number): readonly Finding[] {
  return bundle.anchors.flatMap(({ certificate, listedBy }) => {
    const detail = {
      mesh: bundle.mesh,
      trustDomain: bundle.trustDomain,
      resource: listedBy[0],
      fingerprint: certificate.fingerprint,
    };
    if (certificate.notBefore > now) {
      const message = `is not valid before ${date(certificate.notBefore)}: until then Envoy refuses its clients`;
      return [finding('MT024', message, detail)];
    }
    const left = expiresAt(certificate) - now;
    if (left <= 0) {
      const message = `expired on ${date(certificate.notAfter)}: Envoy refuses its clients`;
      return [finding('MT022', message, detail)];
    }
    const stage = stages.find(({ days }) => left <= days * day);
    if (stage === undefined) return [];
    const message = `expires on ${date(certificate.notAfter)}, in ${Math.floor(left / day)} days`;
    return [finding('MT023', message, detail, stage.severity)];
  });
}

/** The next time (epoch milliseconds) at which `expiryFindings` may answer otherwise, if any. */
export function nextExpiryChange(bundle: TrustBundle, now: number): number | undefined {
  const times = bundle.anchors
    .flatMap(({ certificate }) => {
      const end = expiresAt(certificate);
      return [certificate.notBefore, end, ...stages.map(({ days }) => end - days * day)];
    })
    .filter((at) => at > now);
  return times.length === 0 ? undefined : Math.min(...times);
}

function date(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
