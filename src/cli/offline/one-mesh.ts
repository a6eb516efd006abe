import type { MeshDetail } from '../../api/api-types.ts';
import type { MeshCertificates } from '../../api/certificate-api-types.ts';
import type { RolloutDetail } from '../../api/fleet-api-types.ts';
import { presentCertificates } from '../../api/present-certificates.ts';
import { presentFindings, presentMesh } from '../../api/present-mesh.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { buildOffline } from './offline-meshes.ts';
import type { ServingOptions } from './offline-meshes.ts';
import { askMesh } from './served-meshes.ts';
import type { ServerAccess } from '../ask/server-options.ts';

/** A mesh that a command prints, wherever it comes from. */
export interface OneMesh {
  readonly detail: () => Promise<MeshDetail>;
  readonly certificates: () => Promise<MeshCertificates>;
  /** A number of this version of the mesh that is above all before; undefined where nobody knows those. */
  readonly sequence: (version: string) => Promise<number | undefined>;
}

/**
 * What would be served to a mesh from files. Findings of files that are of no mesh are part of it: they may hold
 * what is missing in this one.
 * @throws {CommandError} (negative) where they list nothing for it, (usage) where they cannot be read.
 */
export async function meshOfFiles(
  paths: readonly string[],
  mesh: string,
  options: ServingOptions,
  io: Pick<CommandIo, 'signal' | 'stdin'>,
): Promise<OneMesh> {
  const { states, findings: all } = await buildOffline(paths, options, io);
  const state = states.get(mesh);
  if (state === undefined) throw unlisted(mesh, [...states.keys()].join(', ') || 'none');
  const findings = all.filter(
    (found) =>
      found.mesh === mesh ||
      (found.mesh === undefined && (found.resource === undefined || found.resource.startsWith(`${mesh}/`))),
  );
  return {
    detail: () =>
      Promise.resolve({
        ...presentMesh(state, { findings: [], held: [], proxies: 0, now: 0 }),
        findings: presentFindings(findings).findings,
      }),
    certificates: () => Promise.resolve(presentCertificates(state)),
    sequence: () => Promise.resolve(undefined),
  };
}

/**
 * What running servers serve to a mesh; replicas have to agree about it.
 * @throws {CommandError} (negative) where they do not, or list nothing for it, (unreachable) where one does not
 * answer; from its functions.
 */
export function meshOfServers(servers: readonly ServerAccess[], mesh: string, signal: AbortSignal): OneMesh {
  const ask = async <Answer extends MeshDetail | MeshCertificates>(below: string): Promise<Answer> => {
    const answers = await Promise.all(servers.map((server) => askMesh(server, mesh, below, signal)));
    const [first, ...others] = answers as readonly (Answer | undefined)[];
    if (first === undefined) throw unlisted(mesh);
    if (others.every((other) => other?.version === first.version)) return first;
    const names = servers.map(({ name }) => name).join(', ');
    throw new CommandError(
      exitCode.negative,
      `${names} serve different things to mesh ${mesh}; ask one of them`,
    );
  };
  return {
    detail: () => ask<MeshDetail>(''),
    certificates: () => ask<MeshCertificates>('/certificates'),
    sequence: async (version) => {
      const [server] = servers;
      const answer = server === undefined ? undefined : await askMesh(server, mesh, '/rollout', signal);
      const versions = (answer as RolloutDetail | undefined)?.versions ?? [];
      // Milliseconds: no two changes are pushed within one, and a restart does not go back.
      const served = versions.find((one) => one.version === version);
      return served === undefined ? undefined : Date.parse(served.servedAt);
    },
  };
}

function unlisted(mesh: string, known?: string): CommandError {
  const meshes = known === undefined ? '' : ` (meshes: ${known})`;
  return new CommandError(
    exitCode.negative,
    `nothing is listed for mesh ${mesh}${meshes}; its proxies would refuse every client`,
  );
}
