import { conditionTypes, reasons } from './status.ts';
import type { Condition, ObjectStatus } from './status.ts';
import { asMapping } from '../../../text/json.ts';

/**
 * Parses the status that an object has. Unknown or malformed parts are dropped, because another version of the program
 * or a person may have written the status.
 */
export function observedStatus(status: Readonly<Record<string, unknown>> | undefined): ObjectStatus {
  const conditions = status?.['conditions'];
  return {
    observedGeneration: numberOr(status?.['observedGeneration'], 0),
    version: textOr(status?.['version']),
    authorities: numberOr(status?.['authorities'], -1),
    expires: textOr(status?.['expires']),
    expiresIn: textOr(status?.['expiresIn']),
    conditions: Array.isArray(conditions) ? conditions.flatMap(readCondition) : [],
  };
}

function readCondition(value: unknown): readonly Condition[] {
  const fields = asMapping(value) ?? {};
  const type = conditionTypes.find((known) => known === fields['type']);
  const status = (['True', 'False', 'Unknown'] as const).find((known) => known === fields['status']);
  const reason = reasons.find((known) => known === fields['reason']);
  const lastTransitionTime = textOr(fields['lastTransitionTime']);
  if (type === undefined || status === undefined || reason === undefined || lastTransitionTime === undefined)
    return [];
  const message = textOr(fields['message']) ?? '';
  const observedGeneration = numberOr(fields['observedGeneration'], 0);
  return [{ type, status, reason, message, observedGeneration, lastTransitionTime }];
}

function textOr(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function numberOr(value: unknown, fallback: number): number {
  return typeof value === 'number' ? value : fallback;
}
