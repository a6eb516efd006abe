import { DerError } from '../x509/der-reader.ts';
import { anyPolicy, readLimits, readMappings, readPolicies } from '../x509/policy-extensions.ts';
import type { Link } from './link.ts';
import type { RefusalReason } from './verdict.ts';

/** The valid policies of a path at one certificate (RFC 9618, as BoringSSL computes them). */
interface Level {
  readonly ids: ReadonlySet<string>;
  readonly any: boolean;
}

/**
 * Checks the certificate policies of a path (RFC 5280, section 6.1.3 d to f). Returns a reason if a certificate other
 * than the last requires an explicit policy that the path does not have, or has an invalid policy extension.
 */
export function checkPolicies(path: readonly Link[]): RefusalReason | undefined {
  const start = path.length + 1;
  let [explicit, mapping, inhibitAny] = [start, start, start];
  let level: Level = { ids: new Set(), any: true };
  for (const [index, link] of [...path.entries()].slice(0, -1).toReversed()) {
    const isLeaf = index === 0;
    const who = isLeaf ? 'the leaf' : link.subject;
    try {
      const isAnyAllowed = inhibitAny > 0 || (!isLeaf && link.selfIssued);
      level = intersect(level, readPolicies(link.policyExtensions), isAnyAllowed);
      if (explicit === 0 && isEmpty(level)) return noPolicy(who);
      if (!isLeaf) level = mapPolicies(level, readMappings(link.policyExtensions), mapping > 0);
      if (isLeaf || !link.selfIssued) {
        [explicit, mapping, inhibitAny] = [decrement(explicit), decrement(mapping), decrement(inhibitAny)];
      }
      const limits = readLimits(link.policyExtensions);
      explicit = Math.min(explicit, limits.explicit);
      mapping = Math.min(mapping, limits.mapping);
      inhibitAny = Math.min(inhibitAny, limits.inhibitAny);
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      return {
        code: 'invalid-policy',
        sentence: `${who} has an invalid policy extension: ${error.message}`,
      };
    }
  }
  return explicit === 0 && isEmpty(level) ? noPolicy('the leaf') : undefined;
}

function noPolicy(who: string): RefusalReason {
  return {
    code: 'no-explicit-policy',
    sentence: `the path requires a certificate policy that is valid for all of its certificates, but has none at ${who}`,
  };
}

function decrement(count: number): number {
  return Math.max(0, count - 1);
}

function isEmpty({ ids, any }: Level): boolean {
  return !any && ids.size === 0;
}

function intersect(
  { ids, any }: Level,
  policies: ReadonlySet<string> | undefined,
  isAnyAllowed: boolean,
): Level {
  if (policies === undefined) return { ids: new Set(), any: false };
  const keepsAll = policies.has(anyPolicy) && isAnyAllowed;
  const kept = keepsAll ? [...ids] : [...ids].filter((id) => policies.has(id));
  const fresh = any ? [...policies].filter((id) => id !== anyPolicy) : [];
  return { ids: new Set([...kept, ...fresh]), any: keepsAll && any };
}

function mapPolicies(
  level: Level,
  mappings: readonly (readonly [string, string])[],
  isAllowed: boolean,
): Level {
  if (mappings.length === 0) return level;
  const mapped = new Set(mappings.map(([from]) => from));
  const kept = [...level.ids].filter((id) => !mapped.has(id));
  const targets = isAllowed
    ? mappings.filter(([from]) => level.any || level.ids.has(from)).map(([, to]) => to)
    : [];
  return { ids: new Set([...kept, ...targets]), any: level.any };
}
