import type { GateInput } from './facts.ts';
import { gatesOf } from './gates.ts';
import type { Gate, RotationStep } from './gate-catalogue.ts';

/**
 * The state of a rotation. It is not stored: it follows from the listed CA certificates, the annotations, and the gates
 * of the next step.
 */
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

/** Returns the state and the next step of a resource that has the annotations of a rotation. */
export function assessRotation(input: GateInput): Assessment {
  const { resource, marks } = input;
  const lists = (hash: string): boolean => resource.listed.some(({ fingerprint }) => fingerprint === hash);
  const assess = (step: RotationStep, waiting: RotationState, open: RotationState): Assessment => {
    const gates = gatesOf(step, input);
    return { state: gates.every((gate) => gate.open) ? open : waiting, step, gates };
  };
  if (!lists(marks.old)) return assess('settle', 'finishing', 'steady');
  return marks.switchedAt === undefined
    ? assess('switch', 'introducing', 'introduced')
    : assess('finish', 'draining', 'removable');
}
