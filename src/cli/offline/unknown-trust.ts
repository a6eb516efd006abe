import { counted } from '../../text/counted.ts';
import { keptIdentityCodes, wholeRefusalCodes } from '../../trust/findings/catalogue.ts';
import type { Finding } from '../../trust/findings/finding.ts';

/**
 * Returns the errors for which the trust of files is unknown: a server would keep an earlier version that the files do
 * not show.
 */
export function unknownTrust(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(
    ({ code, severity }) =>
      severity === 'error' && (wholeRefusalCodes.has(code) || keptIdentityCodes.has(code)),
  );
}

/** Describes these errors: `a whole file or resource is refused`. */
export function describeUnknownTrust(unknown: readonly Finding[]): string {
  const [isWhole, isIdentity] = [wholeRefusalCodes, keptIdentityCodes].map((codes) =>
    unknown.some(({ code }) => codes.has(code)),
  );
  return [
    ...(isWhole === true ? ['a whole file or resource is refused'] : []),
    ...(isIdentity === true ? ['the CA certificates of a MeshIdentity cannot be determined'] : []),
  ].join(', and ');
}

/** Describes these errors, with their number. */
export function countUnknownTrust(unknown: readonly Finding[]): string {
  return `${describeUnknownTrust(unknown)} (${counted(unknown.length, 'error')})`;
}
