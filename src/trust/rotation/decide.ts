import { formatForcedSteps, mostForcedSteps } from '../model/forced-steps.ts';
import { parseTime } from '../model/rotation-values.ts';
import { rotationKeyNames, rotationKeys } from '../rotation-keys.ts';
import type { Edit } from './edit-text.ts';
import { timeToRecord } from './clocks.ts';
import type { GateInput } from './facts.ts';
import { gate, neverForced } from './gate-catalogue.ts';
import type { Gate, GateId } from './gate-catalogue.ts';
import { oldListedGate } from './finish-gates.ts';
import { gatesOf } from './gates.ts';
import { leafTtlGate } from './leaf-ttl.ts';
import { switchTimeGate } from './switch-time.ts';

/** A command that changes a resource. */
export type RotationCommand =
  /** `at`: RFC 3339. */
  | {
      readonly kind: 'start';
      readonly at: string;
      readonly pem: string;
      readonly leafTtl: string | undefined;
    }
  /** `at`: RFC 3339; `undefined` to set only the lifetime of leaves. */
  | { readonly kind: 'switched'; readonly at: string | undefined; readonly leafTtl: string | undefined }
  /** `at`: RFC 3339. */
  | { readonly kind: 'back'; readonly at: string; readonly leafTtl: string | undefined }
  | { readonly kind: 'finish' }
  /** Removes the annotations, after all proxies have acknowledged the removal of the old CA. */
  | { readonly kind: 'clean' }
  | { readonly kind: 'abort' };

/** Whether a command may run. */
export type Decision =
  | { readonly kind: 'refused'; readonly gates: readonly Gate[]; readonly shut: readonly Gate[] }
  | {
      readonly kind: 'allowed';
      readonly gates: readonly Gate[];
      /** The gates that are shut and were passed by force. */
      readonly forced: readonly Gate[];
      readonly edits: readonly Edit[];
    };

/** Decides about a command. This is the only place that turns open gates into a change. */
export function decide(
  command: RotationCommand,
  input: GateInput,
  force: ReadonlySet<GateId> = new Set(),
): Decision {
  const gates = gatesOfCommand(command, input);
  const shut = gates.filter(({ open, id }) => !open && (neverForced.has(id) || !force.has(id)));
  if (shut.length > 0) return { kind: 'refused', gates, shut };
  const forced = gates.filter(({ open }) => !open);
  const edits = [...editsOf(command, input), ...recordOf(command, input, forced)];
  return { kind: 'allowed', gates, forced, edits };
}

/**
 * Returns the edits that record gates that were passed by force. The record outlasts the rotation, until the next one
 * starts: after an incident, it must be possible to find out which gate did not count.
 */
function recordOf({ kind }: RotationCommand, input: GateInput, forced: readonly Gate[]): readonly Edit[] {
  const record = (value: string | undefined): readonly Edit[] => [
    { kind: 'annotate', key: rotationKeys.forced, value },
  ];
  if (forced.length === 0) return kind === 'start' ? record(undefined) : [];
  const before = kind === 'start' ? [] : (input.resource.forced ?? []);
  const at = Date.parse(timeToRecord(input));
  const step = { at, command: kind, gates: [...new Set(forced.map(({ id }) => id))] };
  return record(formatForcedSteps([...before, step].slice(-mostForcedSteps)));
}

/** Returns the gates of a command. */
function gatesOfCommand(command: RotationCommand, input: GateInput): readonly Gate[] {
  const { marks } = input;
  switch (command.kind) {
    case 'start':
      return gatesOf('start', input);
    case 'switched':
      if (command.at === undefined) return [leafTtlGate(marks, command.leafTtl)];
      return [
        ...gatesOf('switch', input),
        leafTtlGate(marks, command.leafTtl),
        switchTimeGate(input, parseTime(command.at)),
        gate(
          'R60',
          marks.switchedAt === undefined,
          marks.switchedAt === undefined
            ? 'the time of the switch is not set yet'
            : 'the time of the switch is set already; to change it, run first: meshtrust rotate back',
        ),
      ];
    case 'back':
      return [oldListedGate(input), leafTtlGate(marks, command.leafTtl)];
    case 'finish':
      return gatesOf('finish', input);
    case 'clean':
      return gatesOf('settle', input);
    case 'abort':
      return gatesOf('abort', input);
  }
}

function editsOf(command: RotationCommand, { marks }: GateInput): readonly Edit[] {
  const annotate = (key: Extract<Edit, { kind: 'annotate' }>['key'], value: string | undefined): Edit => ({
    kind: 'annotate',
    key,
    value,
  });
  const clean = rotationKeyNames.flatMap((key) =>
    key === rotationKeys.forced ? [] : [annotate(key, undefined)],
  );
  switch (command.kind) {
    case 'start':
      return [
        annotate(rotationKeys.old, marks.old),
        annotate(rotationKeys.new, marks.new),
        annotate(rotationKeys.leafTtl, command.leafTtl),
        annotate(rotationKeys.startedAt, command.at),
        // A person may have removed only the fingerprints of an earlier rotation, and left its times.
        annotate(rotationKeys.switchedAt, undefined),
        annotate(rotationKeys.backAt, undefined),
        { kind: 'add', fingerprint: marks.new, pem: command.pem },
      ];
    case 'switched':
      return [
        ...(command.leafTtl === undefined ? [] : [annotate(rotationKeys.leafTtl, command.leafTtl)]),
        ...(command.at === undefined ? [] : [annotate(rotationKeys.switchedAt, command.at)]),
        // The next `back` records a later time.
        ...(command.at === undefined || marks.backAt === undefined
          ? []
          : [annotate(rotationKeys.backAt, undefined)]),
        // The time of the switch is not before the present one, so this time is not needed.
        ...(command.at !== undefined && marks.startedAt === 'unknown'
          ? [annotate(rotationKeys.startedAt, undefined)]
          : []),
      ];
    case 'back':
      // Until their end, leaves that the new CA issued keep it from being removed.
      return [
        ...(command.leafTtl === undefined ? [] : [annotate(rotationKeys.leafTtl, command.leafTtl)]),
        annotate(rotationKeys.switchedAt, undefined),
        annotate(rotationKeys.backAt, command.at),
      ];
    case 'finish':
      return [{ kind: 'remove', fingerprint: marks.old }];
    case 'clean':
      return clean;
    case 'abort':
      return [{ kind: 'remove', fingerprint: marks.new }, ...clean];
  }
}
