import type { ForcedDetail, RotationDetail } from '../../api/rotation-api-types.ts';
import type { ServerDetail } from '../../api/server-api-types.ts';
import { rotatingResource } from '../../api/present-rotation.ts';
import { caFacts, whyNotReady } from '../../api/rotation-facts.ts';
import type { ForcedStep } from '../../trust/model/forced-steps.ts';
import type { RotationMarks } from '../../trust/model/read-rotation.ts';
import { unknownOwner } from '../../trust/rotation/facts.ts';
import type { RotatingResource } from '../../trust/rotation/facts.ts';
import { askRotations } from '../ask/rotation-answers.ts';
import { askServer } from '../ask/ask-server.ts';
import type { ServerAccess } from '../ask/server-options.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { mergeSubjects } from './merge-subjects.ts';
import type { FileResource } from './rotating-files.ts';
import { meshNames, servedMeshes } from './served-meshes.ts';
import { describeUnread, findingsAbout } from './unread-rotation.ts';

/** A resource with a CA that is or will be rotated. */
export interface Subject {
  readonly mesh: string;
  readonly trustDomain: string;
  readonly place: string | undefined;
  readonly resource: RotatingResource;
  /** The parsed annotations of the rotation; `undefined` if they are absent. */
  readonly marks: RotationMarks | undefined;
}

/** The filters of the command line. */
export interface SubjectFilter {
  readonly mesh?: string | undefined;
  readonly trustDomain?: string | undefined;
}

/** Returns the subject of a resource. */
export function subjectOf({ resource }: Pick<FileResource, 'resource'>): Subject {
  const { mesh, trustDomain, place, rotation } = resource;
  return { mesh, trustDomain, place: place.file, resource: rotatingResource(resource), marks: rotation };
}

/** Returns the resources that the filters select. */
export function selected<Item extends Pick<FileResource, 'resource'>>(
  all: readonly Item[],
  { mesh, trustDomain }: SubjectFilter,
): readonly Item[] {
  return all.filter(
    ({ resource }) =>
      (mesh === undefined || resource.mesh === mesh) &&
      (trustDomain === undefined || resource.trustDomain === trustDomain),
  );
}

/** Returns one subject for each resource in rotation. The answers of all servers about it are merged. */
export async function servedSubjects(
  servers: readonly ServerAccess[],
  { mesh, trustDomain }: SubjectFilter,
  signal: AbortSignal,
): Promise<readonly Subject[]> {
  const found = new Map<string, Subject>();
  for (const server of servers) {
    const names = mesh === undefined ? await meshNames(server, signal) : [mesh];
    for (const name of names)
      for (const detail of await askRotations(server, name, signal))
        if (trustDomain === undefined || detail.trustDomain === trustDomain) {
          const key = `${detail.resource}\0${detail.trustDomain}`;
          const subject = subjectOfDetail(detail);
          const before = found.get(key);
          found.set(key, before === undefined ? subject : mergeSubjects(before, subject));
        }
  }
  return [...found.values()];
}

/**
 * Returns why a rotation may be in progress although no server knows one; `undefined` without such a reason.
 * @throws {CommandError} (negative) if no server has the mesh or the trust domain.
 */
export async function whyUnknown(
  servers: readonly ServerAccess[],
  { mesh, trustDomain }: SubjectFilter,
  signal: AbortSignal,
): Promise<string | undefined> {
  let isServed = mesh === undefined && trustDomain === undefined;
  let unread: string | undefined;
  for (const server of servers) {
    const detail = (await askServer(server, 'GET', '/api/v1/server', signal)) as ServerDetail;
    const reason = whyNotReady(detail);
    if (reason !== undefined)
      return `${server.name} is not ready: ${reason}, so it may not have read the rotation yet`;
    const meshes = (await servedMeshes(server, signal)).filter(({ name }) => (mesh ?? name) === name);
    isServed ||= meshes.some(
      ({ trustDomains }) =>
        trustDomain === undefined || trustDomains.some((domain) => domain.name === trustDomain),
    );
    unread ??= describeUnread(meshes.flatMap((one) => findingsAbout(one, trustDomain)));
  }
  if (isServed) return unread;
  const what = trustDomain === undefined ? '' : `trust domain ${trustDomain}`;
  const where = mesh === undefined ? '' : `mesh ${mesh}`;
  throw new CommandError(
    exitCode.negative,
    `no server has ${[what, where].filter((part) => part !== '').join(' in ')}`,
  );
}

/** Returns the served resources that list a CA, without the annotations of their rotation. */
export async function listedSubjects(
  servers: readonly ServerAccess[],
  { mesh, trustDomain }: SubjectFilter,
  signal: AbortSignal,
): Promise<readonly Subject[]> {
  const found = new Map<string, Subject>();
  for (const server of servers)
    for (const detail of await servedMeshes(server, signal)) {
      if (mesh !== undefined && detail.name !== mesh) continue;
      for (const domain of detail.trustDomains) {
        if (trustDomain !== undefined && domain.name !== trustDomain) continue;
        for (const identity of new Set(domain.anchors.flatMap(({ resources }) => resources))) {
          const anchors = domain.anchors.filter(({ resources }) => resources.includes(identity));
          const key = `${identity}\0${domain.name}`;
          const subject: Subject = {
            mesh: detail.name,
            trustDomain: domain.name,
            place: undefined,
            resource: { identity, listed: anchors.map(caFacts), ownedBy: unknownOwner },
            marks: undefined,
          };
          const before = found.get(key);
          found.set(key, before === undefined ? subject : mergeSubjects(before, subject));
        }
      }
    }
  return [...found.values()];
}

/**
 * Returns the item of a list that must have exactly one.
 * @throws {CommandError} (negative) if the list is empty, (usage) if it has several items.
 */
export function onlyOne<Item>(found: readonly Item[], nameOf: (item: Item) => string, nothing: string): Item {
  const [first, ...others] = found;
  if (first === undefined) throw new CommandError(exitCode.negative, nothing);
  if (others.length === 0) return first;
  throw new CommandError(
    exitCode.usage,
    `there are ${found.length}: ${found.map(nameOf).join(', ')}; give --mesh or --trust-domain, or fewer paths`,
  );
}

/** Returns the subject of a rotation that a server knows. */
export function subjectOfDetail(detail: RotationDetail): Subject {
  const { mesh, trustDomain, place, resource, old, startedAt, switchedAt, backAt } = detail;
  const { leafTtlSeconds, listed, forced } = detail;
  return {
    mesh,
    trustDomain,
    place,
    resource: {
      identity: resource,
      listed: listed.map(caFacts),
      ownedBy: ownerOf(detail),
      forced: forced?.map(forcedStep),
    },
    marks: {
      old,
      new: detail.new,
      startedAt: markOf(startedAt),
      switchedAt: switchedAt === undefined ? undefined : Date.parse(switchedAt),
      backAt: markOf(backAt),
      leafTtlMs: leafTtlSeconds === undefined ? undefined : leafTtlSeconds * 1000,
    },
  };
}

function markOf(time: string | undefined): number | 'unknown' | undefined {
  return time === undefined || time === 'unknown' ? time : Date.parse(time);
}

function forcedStep({ at, command, gates }: ForcedDetail): ForcedStep {
  return { at: Date.parse(at), command, gates: gates.map(({ id }) => id) };
}

/** Returns who would list a removed CA again, as far as the server says. */
function ownerOf({ owned }: RotationDetail): string | undefined {
  if (owned === undefined) return unknownOwner;
  return owned ? 'Kuma' : undefined;
}
