import type { TrustDomain } from './mesh-trust.ts';
import { parseTrustDomain } from './trust-domain.ts';

/** A valid SPIFFE ID. */
export interface SpiffeId {
  readonly id: string;
  readonly trustDomain: TrustDomain;
}

/** Maximum length, in characters; all of them are ASCII (SPIFFE ID, section 2.3). */
const maxLength = 2_048;

/**
 * Parses the SPIFFE ID of a workload, which has a path (SPIFFE ID, section 2). Returns a predicate if it is invalid.
 * Envoy accepts more: `trust/verify` has its rules.
 */
export function parseSpiffeId(text: string): SpiffeId | string {
  const parts = /^spiffe:\/\/([^/]*)(\/.*)?$/s.exec(text);
  if (parts === null) return 'must be a SPIFFE ID, such as spiffe://example.org/spire/server';
  const [, name = '', path = ''] = parts;
  const parsed = parseTrustDomain(name);
  if (parsed.kind === 'invalid') return `has a trust domain that ${parsed.reason}`;
  if (text.length > maxLength) return `must be at most ${maxLength} characters`;
  if (!/^(?:\/[a-zA-Z0-9._-]+)+$/.test(path))
    return "must have a path of letters, digits, '.', '-' and '_' after its trust domain";
  if (path.split('/').some(isDotSegment)) return "must not have '.' or '..' as a segment of its path";
  return { id: text, trustDomain: parsed.name };
}

/** True for the relative segments that no path of a SPIFFE ID has (section 2.2). */
export function isDotSegment(segment: string): boolean {
  return segment === '.' || segment === '..';
}
