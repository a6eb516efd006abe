import { counted } from '../../text/counted.ts';
import { finishGates } from './finish-gates.ts';
import type { GateInput } from './facts.ts';
import { fleetGates } from './fleet-gates.ts';
import { gate } from './gate-catalogue.ts';
import type { Gate, RotationStep } from './gate-catalogue.ts';
import { isRotated } from './same-resource.ts';
import { newCaGates, startGates } from './start-gates.ts';

/** Returns the gates of a step, open and closed ones, in the order of the catalogue. */
export function gatesOf(step: RotationStep, input: GateInput): readonly Gate[] {
  const gates = [...serverGates(input)];
  switch (step) {
    case 'start':
      gates.push(...startGates(input));
      break;
    case 'switch':
      gates.push(...newCaGates(input), ...fleetGates(step, input));
      break;
    case 'settle':
      gates.push(...fleetGates(step, input));
      break;
    case 'finish':
      gates.push(...fleetGates(step, input), ...finishGates(input));
      break;
    case 'abort':
      gates.push(...finishGates({ ...input, isAbort: true }));
      break;
  }
  return gates.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function serverGates({ servers, resource }: GateInput): readonly Gate[] {
  const answered = servers.filter((server) => server.kind === 'answered');
  const silent = servers.filter((server) => server.kind === 'unreachable');
  const waiting = answered.filter(({ notReady }) => notReady !== undefined);
  const versions = new Set(answered.map(({ served }) => served?.version));
  const isOwn = isRotated(resource.identity, answered);
  // A server without the rotation has not read the newest annotations either.
  const readings = new Set(
    answered.map(({ rotations }) =>
      JSON.stringify(
        rotations
          .filter((rotation) => isOwn(rotation.resource))
          .map((rotation) => [rotation.old, rotation.new, rotation.reading]),
      ),
    ),
  );
  const isSame = versions.size === 1 && readings.size === 1;
  const isReachable = silent.length === 0 && servers.length > 0;
  return [
    gate(
      'R01',
      isReachable,
      isReachable
        ? `${counted(servers.length, 'server')} answered`
        : silent.map(({ reason }) => reason).join('; ') || 'no server was asked',
    ),
    gate(
      'R02',
      answered.length > 0 && waiting.length === 0,
      answered.length === 0
        ? 'unknown: no server answered'
        : waiting.map(({ server, notReady }) => `${server} is not ready: ${notReady ?? ''}`).join('; ') ||
            'all servers are ready',
    ),
    gate(
      'R03',
      answered.length > 0 && isSame,
      answered.length === 0
        ? 'unknown: no server answered'
        : isSame
          ? `${counted(answered.length, 'server')} with the same version`
          : versions.size === 1
            ? `the servers have read different versions of ${resource.identity}`
            : `the servers have ${versions.size} different versions of the mesh`,
    ),
  ];
}
