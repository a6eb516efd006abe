import type { GateInput } from './facts.ts';
import { gatesOf } from './gates.ts';
import type { Gate, RotationStep } from './gate-catalogue.ts';

/** The state of a rotation. It follows from what is listed and from the annotations, and is stored nowhere else. */
export type RotationState = 'steady' | 'introducing' | 'introduced' | 'draining' | 'removable' | 'finishing';

export const rotationStates: readonly RotationState[] = [
  'steady',
  'introducing',
  'introduced',
  'draining',
  'removable',
  'finishing',
];

/** The state of a rotation, and the gates of its next step. */
export interface Assessment {
  readonly state: RotationState;
  readonly step: RotationStep;
  readonly gates: readonly Gate[];
}

/** Assesses a resource with the annotations of a rotation. */
export function assessRotation(input: GateInput): Assessment {
  const { resource, marks } = input;
  const lists = (hash: string): boolean => resource.listed.some(({ fingerprint }) => fingerprint === hash);
  const of = (step: RotationStep, waiting: RotationState, open: RotationState): Assessment => {
    const gates = gatesOf(step, input);
    return { state: gates.every((gate) => gate.open) ? open : waiting, step, gates };
  };
  if (!lists(marks.old)) return of('settle', 'finishing', 'steady');
  return marks.switchedAt === undefined
    ? of('switch', 'introducing', 'introduced')
    : of('finish', 'draining', 'removable');
}
