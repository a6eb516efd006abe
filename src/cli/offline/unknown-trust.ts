import { counted } from '../../text/counted.ts';
import { keptIdentityCodes, wholeRefusalCodes } from '../../trust/findings/catalogue.ts';
import type { FindingCode } from '../../trust/findings/catalogue.ts';
import type { Finding } from '../../trust/findings/finding.ts';

/** Codes of errors for which trust is unknown, and their descriptions. */
const kinds: readonly (readonly [codes: ReadonlySet<FindingCode>, text: string])[] = [
  [wholeRefusalCodes, 'a whole file or resource is refused'],
  [keptIdentityCodes, 'the CA certificates of a MeshIdentity cannot be determined'],
  // It may be meant for a listed CA. A server goes on distrusting what its previous list had.
  [new Set(['MT060']), 'a line of the distrust list is not understood'],
];

/**
 * Returns the errors for which the trust of files is unknown: a server would keep an earlier version that the files do
 * not show.
 */
export function unknownTrust(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(
    ({ code, severity }) => severity === 'error' && kinds.some(([codes]) => codes.has(code)),
  );
}

/** Describes these errors: `a whole file or resource is refused`. */
export function describeUnknownTrust(unknown: readonly Finding[]): string {
  return kinds
    .filter(([codes]) => unknown.some(({ code }) => codes.has(code)))
    .map(([, text]) => text)
    .join(', and ');
}

/** Describes these errors, with their number. */
export function countUnknownTrust(unknown: readonly Finding[]): string {
  return `${describeUnknownTrust(unknown)} (${counted(unknown.length, 'error')})`;
}
