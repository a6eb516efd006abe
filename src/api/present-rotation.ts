import type { MeshTrust } from '../trust/model/mesh-trust.ts';
import type { ForcedStep } from '../trust/model/forced-steps.ts';
import type { RotationMarks } from '../trust/model/read-rotation.ts';
import { formatTime } from '../text/format-time.ts';
import { unknownOwner, usualGateOptions } from '../trust/rotation/facts.ts';
import type { CaFacts, GateInput, RotatingResource } from '../trust/rotation/facts.ts';
import { earliestAbort, earliestFinish } from '../trust/rotation/finish-gates.ts';
import { gateCatalogue, parseGate } from '../trust/rotation/gate-catalogue.ts';
import { issuerEvidence } from '../trust/rotation/issuer-gate.ts';
import type { IssuerEvidence } from '../trust/rotation/issuer-gate.ts';
import { assessRotation } from '../trust/rotation/state.ts';
import type { RotationState } from '../trust/rotation/state.ts';
import type { ForcedDetail, RotationDetail, SeenClients } from './rotation-api-types.ts';
import { rotationFacts } from './rotation-facts.ts';
import type { RotationAnswers } from './rotation-facts.ts';

/** A MeshTrust with the annotations of a rotation. */
type RotatingTrust = MeshTrust & { readonly rotation: RotationMarks };

/** True if a MeshTrust has the annotations of a rotation. */
function isRotating(resource: MeshTrust): resource is RotatingTrust {
  return resource.rotation !== undefined;
}

/** Returns what the gates need of a MeshTrust. */
export function rotatingResource({
  identity,
  blocks,
  originKri,
  place,
  forcedSteps,
}: MeshTrust): RotatingResource {
  const isOfCluster = place.file?.startsWith('kubernetes:') === true;
  return {
    identity,
    listed: blocks.flatMap((block) => (block.kind === 'anchor' ? [block.certificate] : [])),
    // In a file, the origin only says where a copy came from.
    ownedBy: isOfCluster ? originKri : undefined,
    forced: forcedSteps,
  };
}

/** Where a rotation is, besides what the gates need. */
export interface RotationPlace {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly place: string | undefined;
}

/** Returns a rotation with its state and the gates of its next step. */
export function presentRotation(
  { mesh, trustDomain, place }: RotationPlace,
  input: GateInput,
): RotationDetail {
  const { marks, resource } = input;
  const { state, gates } = assessRotation(input);
  const end = earliestFinish(input);
  const abort = earliestAbort(input);
  return {
    mesh,
    trustDomain,
    resource: resource.identity,
    place,
    owned: resource.ownedBy === unknownOwner ? undefined : resource.ownedBy !== undefined,
    state,
    old: marks.old,
    new: marks.new,
    startedAt: presentMark(marks.startedAt),
    switchedAt: marks.switchedAt === undefined ? undefined : formatTime(marks.switchedAt),
    backAt: presentMark(marks.backAt),
    // Rounded up: a command that reads it must not let leaves end early.
    leafTtlSeconds: marks.leafTtlMs === undefined ? undefined : Math.ceil(marks.leafTtlMs / 1000),
    earliestFinish: end === undefined ? undefined : formatTime(end),
    earliestAbort: abort === undefined ? undefined : formatTime(abort),
    forced: resource.forced?.map(presentForced),
    seen: seenClients(input),
    gates: gates.map(({ id, code, open, detail }) => ({ id, code, open, detail })),
    next: { command: nextCommand[state], allowed: gates.every(({ open }) => open) },
    listed: resource.listed.map(presentCa),
  };
}

function presentMark(time: number | 'unknown' | undefined): string | undefined {
  return typeof time === 'number' ? formatTime(time) : time;
}

function presentForced({ at, command, gates }: ForcedStep): ForcedDetail {
  return {
    at: formatTime(at),
    command,
    gates: gates.map((gate) => {
      const id = parseGate(gate);
      return id === undefined ? { id: gate } : { id, code: gateCatalogue[id] };
    }),
  };
}

function seenClients(input: GateInput): SeenClients | undefined {
  const old = issuerEvidence(input, input.marks.old);
  if (old.unknown === undefined) return undefined;
  const timeOf = ({ inFile, atServers }: IssuerEvidence): string | undefined => {
    const last = Math.max(inFile ?? -Infinity, atServers ?? -Infinity);
    return last === -Infinity ? undefined : formatTime(last);
  };
  return {
    old: timeOf(old),
    new: timeOf(issuerEvidence(input, input.marks.new)),
    complete: old.isByServers && old.unknown.length === 0,
  };
}

/** Returns the rotations of a mesh as one server sees them. */
export function presentRotations(
  server: string,
  rotating: readonly MeshTrust[],
  answers: Omit<RotationAnswers, 'rotations'>,
  now: number,
): readonly RotationDetail[] {
  const own = rotating.filter(isRotating);
  const rotations = own.map(({ identity, trustDomain, rotation }) => ({
    resource: identity,
    trustDomain,
    old: rotation.old,
    new: rotation.new,
  }));
  return own.map((trust) => {
    const { mesh, trustDomain, place, rotation } = trust;
    const facts = rotationFacts(server, trustDomain, { ...answers, rotations });
    return presentRotation(
      { mesh, trustDomain, place: place.file },
      {
        resource: rotatingResource(trust),
        marks: rotation,
        servers: [facts],
        options: usualGateOptions,
        now,
      },
    );
  });
}

const nextCommand: Readonly<Record<RotationState, string>> = {
  steady: 'meshtrust rotate finish --clean',
  introducing: 'meshtrust rotate switched',
  introduced: 'meshtrust rotate switched',
  draining: 'meshtrust rotate finish',
  removable: 'meshtrust rotate finish',
  finishing: 'meshtrust rotate finish --clean',
};

function presentCa({ notBefore, notAfter, ...ca }: CaFacts): RotationDetail['listed'][number] {
  const { fingerprint, keyHash, subject, issuer } = ca;
  return {
    fingerprint,
    keyHash,
    subject,
    issuer,
    notBefore: formatTime(notBefore),
    notAfter: formatTime(notAfter),
  };
}
