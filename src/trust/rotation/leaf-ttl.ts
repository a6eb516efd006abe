import type { RotationMarks } from '../model/read-rotation.ts';
import { parseTtl } from '../model/rotation-values.ts';
import { describeTime } from './describe-time.ts';
import { gate } from './gate-catalogue.ts';
import type { Gate } from './gate-catalogue.ts';

/**
 * Returns the gate about a lifetime of leaves that replaces the recorded one; `undefined`: the recorded one stays.
 * Leaves that were issued with the longer lifetime would be valid after the end of the shorter one.
 */
export function leafTtlGate({ leafTtlMs }: Pick<RotationMarks, 'leafTtlMs'>, ttl: string | undefined): Gate {
  const next = ttl === undefined ? undefined : parseTtl(ttl);
  if (next === undefined || leafTtlMs === undefined || next >= leafTtlMs)
    return gate('R45', true, 'the longest lifetime of a leaf does not get shorter');
  return gate(
    'R45',
    false,
    `${ttl} is less than the recorded lifetime of a leaf, ${describeTime(leafTtlMs)}: leaves that were issued before may be valid for longer; pass R45 by force if none was`,
  );
}
