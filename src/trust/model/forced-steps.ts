import { formatTime } from '../../text/format-time.ts';

/** A command of a rotation that passed gates by force. */
export interface ForcedStep {
  /** When it ran, in epoch milliseconds. */
  readonly at: number;
  readonly command: string;
  /** The ids of the gates. */
  readonly gates: readonly string[];
}

/** The most steps that are recorded: later ones replace the first. */
export const mostForcedSteps = 50;

const separator = '; ';
const stepForm =
  /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (start|switched|back|finish|clean|abort) (R\d\d(?:,R\d\d){0,50})$/;

/** Formats steps as the value of an annotation: `2026-11-28T03:00:00Z finish R24,R30; …`. */
export function formatForcedSteps(steps: readonly ForcedStep[]): string {
  return steps
    .map(({ at, command, gates }) => `${formatTime(at)} ${command} ${gates.join()}`)
    .join(separator);
}

/** Parses the value of the annotation; `undefined` if it is not valid. */
export function parseForcedSteps(text: string): readonly ForcedStep[] | undefined {
  const parts = text.split(separator, mostForcedSteps + 1);
  if (parts.length > mostForcedSteps) return undefined;
  const steps = parts.flatMap((part): readonly ForcedStep[] => {
    const [, time = '', command = '', gates = ''] = stepForm.exec(part) ?? [];
    const at = Date.parse(time);
    return Number.isNaN(at) ? [] : [{ at, command, gates: gates.split(',') }];
  });
  return steps.length === parts.length ? steps : undefined;
}
