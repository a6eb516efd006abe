import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import { rotationKeyNames, rotationKeys } from '../rotation-keys.ts';
import type { RotationKey } from '../rotation-keys.ts';
import { parseForcedSteps } from './forced-steps.ts';
import type { ForcedStep } from './forced-steps.ts';
import { placeOf } from './parse-context.ts';
import type { ParseContext } from './parse-context.ts';
import type { Path } from './read-yaml.ts';
import { parseFingerprint, parseTime, parseTtl } from './rotation-values.ts';
import { isMapping } from '../../text/json.ts';

/** The annotations of a MeshTrust about the rotation of a CA, parsed. */
export interface RotationMarks {
  /** SHA-256 of the certificate that is replaced, and of the one that replaces it: lower-case hex. */
  readonly old: string;
  readonly new: string;
  /**
   * When `start` listed the new CA, in epoch milliseconds. `unknown` if this cannot be read; `undefined` if an earlier
   * release started the rotation.
   */
  readonly startedAt?: number | 'unknown' | undefined;
  /** When the issuer began to sign with the new CA, in epoch milliseconds; `undefined` before. */
  readonly switchedAt: number | undefined;
  /**
   * When the issuer began to sign with the old CA again, in epoch milliseconds. `unknown` if this or the time of the
   * switch cannot be read: leaves of the new CA may be valid.
   */
  readonly backAt?: number | 'unknown' | undefined;
  /** The longest lifetime of a leaf in milliseconds; `undefined` if it is not given. */
  readonly leafTtlMs: number | undefined;
}

/** What the annotations of a rotation say. */
interface ReadRotation {
  readonly marks: RotationMarks | undefined;
  /** The commands that passed gates by force, of this rotation or of the last one. */
  readonly forcedSteps: readonly ForcedStep[] | undefined;
  readonly findings: readonly Finding[];
}

/** Returns the path of the annotations in a document. */
export function annotationsPath(form: 'kubernetes' | 'universal'): Path {
  return form === 'kubernetes' ? ['metadata', 'annotations'] : ['annotations'];
}

/**
 * Reads the annotations of a rotation. An annotation that cannot be read is a finding and counts as absent: it has no
 * effect on the trust of the resource. A rotation needs both fingerprints.
 */
export function readRotation(
  form: 'kubernetes' | 'universal',
  body: Record<string, unknown>,
  root: Path,
  context: ParseContext,
): ReadRotation {
  const path = annotationsPath(form);
  const annotations = path.reduce<unknown>(
    (value, part) => (isMapping(value) ? value[part as string] : undefined),
    body,
  );
  if (!isMapping(annotations)) return { marks: undefined, forcedSteps: undefined, findings: [] };
  const findings: Finding[] = [];
  const report = (key: RotationKey, reason: string): undefined => {
    const place = placeOf(context, [...root, ...path, key]);
    findings.push(finding('MT100', `the annotation ${key} ${reason}; it has no effect`, place));
    return undefined;
  };
  const read = <T>(
    key: RotationKey,
    parse: (text: string) => T | undefined,
    reason: string,
  ): T | undefined => {
    const value = annotations[key];
    if (value == null) return undefined;
    return (typeof value === 'string' ? parse(value) : undefined) ?? report(key, reason);
  };
  const hash = 'must be a SHA-256 fingerprint: 64 lower-case hex digits';
  const old = read(rotationKeys.old, parseFingerprint, hash);
  const next = read(rotationKeys.new, parseFingerprint, hash);
  const time = 'must be a time such as 2026-11-28T03:00:00Z';
  const start = read(rotationKeys.startedAt, parseTime, time);
  const switchedAt = read(rotationKeys.switchedAt, parseTime, time);
  const back = read(rotationKeys.backAt, parseTime, time);
  const isUnreadable = (key: RotationKey, value: number | undefined): boolean =>
    annotations[key] != null && value === undefined;
  // If the time of the switch cannot be read, the new CA may have issued leaves as well.
  const backAt =
    isUnreadable(rotationKeys.backAt, back) || isUnreadable(rotationKeys.switchedAt, switchedAt)
      ? 'unknown'
      : back;
  const startedAt = isUnreadable(rotationKeys.startedAt, start) ? 'unknown' : start;
  const forcedSteps = read(
    rotationKeys.forced,
    parseForcedSteps,
    'must be a list such as 2026-11-28T03:00:00Z finish R24',
  );
  const leafTtlMs = read(rotationKeys.leafTtl, parseTtl, 'must be a duration such as 24h');
  if (old !== undefined && old === next) report(rotationKeys.new, `must differ from ${rotationKeys.old}`);
  else if (old !== undefined && next !== undefined)
    return {
      marks: {
        old,
        new: next,
        switchedAt,
        leafTtlMs,
        ...(startedAt !== undefined && { startedAt }),
        ...(backAt !== undefined && { backAt }),
      },
      forcedSteps,
      findings,
    };
  else if (findings.length === 0) {
    // The record of forced steps stays after the end.
    const [first] = rotationKeyNames.filter((key) => annotations[key] != null && key !== rotationKeys.forced);
    if (first !== undefined) report(first, `needs both ${rotationKeys.old} and ${rotationKeys.new}`);
  }
  return { marks: undefined, forcedSteps, findings };
}
