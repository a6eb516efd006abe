import { rotationKeys } from '../rotation-keys.ts';
import type { RotationKey } from '../rotation-keys.ts';
import { parseGoDuration } from './duration.ts';
import { formatForcedSteps, parseForcedSteps } from './forced-steps.ts';

/** The longest lifetime of a leaf that is accepted, in milliseconds: ten years. */
const longestTtlMs = 87_600 * 3_600_000;

/** Parses the value of an annotation of a rotation; `undefined` if it is not valid. */
export function parseMark(key: RotationKey, text: string): string | number | undefined {
  switch (key) {
    case rotationKeys.old:
    case rotationKeys.new:
      return parseFingerprint(text);
    case rotationKeys.startedAt:
    case rotationKeys.switchedAt:
    case rotationKeys.backAt:
      return parseTime(text);
    case rotationKeys.leafTtl:
      return parseTtl(text);
    case rotationKeys.forced: {
      const steps = parseForcedSteps(text);
      return steps && formatForcedSteps(steps);
    }
  }
}

/** Parses a SHA-256 fingerprint. */
export function parseFingerprint(text: string): string | undefined {
  return /^[0-9a-f]{64}$/.test(text) ? text : undefined;
}

/** Parses a time by RFC 3339. Returns epoch milliseconds. */
export function parseTime(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

/** Parses the lifetime of a leaf. Returns milliseconds. */
export function parseTtl(text: string): number | undefined {
  const ttl = parseGoDuration(text);
  return ttl !== undefined && ttl > 0 && ttl <= longestTtlMs ? ttl : undefined;
}
