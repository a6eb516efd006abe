import type { MeshDetail } from '../../api/api-types.ts';
import type { MeshCertificates } from '../../api/certificate-api-types.ts';
import type { RolloutDetail } from '../../api/fleet-api-types.ts';
import { presentCertificates } from '../../api/present-certificate-list.ts';
import { presentFindings, presentMesh } from '../../api/present-mesh.ts';
import { damagedBlockCodes } from '../../trust/findings/catalogue.ts';
import { formatFinding } from '../../trust/findings/finding.ts';
import type { Finding } from '../../trust/findings/finding.ts';
import { encodePem } from '../../trust/pem/encode-pem.ts';
import { AnswerError, askServer, mapFew } from '../ask/ask-server.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { writeFindings } from '../terminal/write-findings.ts';
import { buildOffline, concerns } from './offline-meshes.ts';
import type { OfflineMeshes, ServingOptions } from './offline-meshes.ts';
import { askMesh, listedOf, meshNames, meshPath } from './served-meshes.ts';
import type { ListedDomain } from './served-meshes.ts';
import { countUnknownTrust, unknownTrust } from './unknown-trust.ts';
import type { ServerAccess } from '../ask/server-options.ts';

/** A mesh that a command prints, from files or from servers. */
export interface OneMesh {
  readonly name: string;
  /** Returns the names of the other meshes. */
  readonly others: () => Promise<readonly string[]>;
  readonly detail: () => Promise<MeshDetail>;
  /** Errors for which trust of the mesh is unknown (`unknownTrust`). None from a server. */
  readonly refusals: readonly Finding[];
  readonly certificates: () => Promise<MeshCertificates>;
  /** Returns the CA certificates as they are listed, which proxies may get in another form. */
  readonly listed: () => Promise<readonly ListedDomain[]>;
  /** Returns a number that is higher for each newer version of the mesh; undefined if earlier versions are unknown. */
  readonly sequence: (version: string) => Promise<number | undefined>;
  /** Returns why a trust domain without a CA in force may list one that is not known; `undefined` if all is known. */
  readonly doubt: (trustDomain: string) => Promise<string | undefined>;
}

/**
 * Builds one mesh from files. It includes findings of files without a mesh: what is missing in this mesh may be in
 * such a file. With `orOnly`, the files' only mesh takes the place of one that they do not mention.
 * @throws {CommandError} (negative) if the files list nothing for the mesh, (usage) if they cannot be read, or if only
 * a refused file or resource can list the mesh.
 */
export async function meshOfFiles(
  paths: readonly string[],
  wanted: string,
  options: ServingOptions,
  io: Pick<CommandIo, 'signal' | 'stdin'>,
  orOnly = false,
): Promise<OneMesh> {
  const built = await buildOffline(paths, options, io);
  const { states, findings: all } = built;
  const mesh = (orOnly ? onlyMesh(built, wanted) : undefined) ?? wanted;
  const findings = all.filter((found) => concerns(found, mesh));
  const refusals = unknownTrust(findings);
  const state = states.get(mesh);
  if (state === undefined) {
    // A list of distrusted CA certificates lists no mesh.
    const lacking = refusals.filter(({ code }) => code !== 'MT060');
    throw lacking.length > 0 ? unreadable(mesh, lacking) : unlisted(mesh, [...states.keys()]);
  }
  return {
    name: mesh,
    refusals,
    others: () => Promise.resolve([...states.keys()].filter((name) => name !== mesh)),
    detail: () =>
      Promise.resolve({
        ...presentMesh(state, { findings: [], held: [], proxies: 0, now: 0 }),
        findings: presentFindings(findings).findings,
      }),
    certificates: () => Promise.resolve(presentCertificates(state)),
    listed: () =>
      Promise.resolve(
        state.bundle.bundles.map(({ trustDomain: name, anchors }) => ({
          name,
          pems: anchors.map(({ certificate }) => encodePem(certificate.der)),
        })),
      ),
    sequence: () => Promise.resolve(undefined),
    doubt: (trustDomain) => Promise.resolve(damageOf(built, mesh, trustDomain)),
  };
}

/**
 * Returns the finding of a damaged block that may be a CA of the trust domain. `undefined` also if a CA of the trust
 * domain is distrusted: it must leave an earlier output, whatever else may be listed. So does the admin API.
 */
function damageOf(
  { states, holdings, findings }: OfflineMeshes,
  mesh: string,
  name: string,
): string | undefined {
  const bundle = states.get(mesh)?.bundle.bundles.find(({ trustDomain }) => trustDomain === name);
  if (bundle === undefined || bundle.distrusted.length > 0) return undefined;
  const shares = holdings.get(mesh)?.get(bundle.trustDomain) ?? [];
  const resources = new Set<string | undefined>(shares.map(({ identity }) => identity));
  const damage = findings.find(
    ({ code, resource }) => damagedBlockCodes.has(code) && resources.has(resource),
  );
  return damage && formatFinding(damage);
}

/** Returns the files' only mesh. `undefined` if there are more, or if a refused resource may be of the wanted mesh. */
function onlyMesh({ states, findings }: OfflineMeshes, wanted: string): string | undefined {
  const [only, ...others] = states.keys();
  const isRefused = findings.some((found) => found.severity === 'error' && concerns(found, wanted));
  return others.length > 0 || isRefused ? undefined : only;
}

/**
 * Reads one mesh from running servers, which must serve the same version of it. The functions of the result throw a
 * `CommandError`: negative if the servers differ or list nothing for the mesh, unreachable if a server does not answer.
 */
export function meshOfServers(servers: readonly ServerAccess[], mesh: string, signal: AbortSignal): OneMesh {
  const ask = async <Answer extends MeshDetail | MeshCertificates>(below: string): Promise<Answer> => {
    const answers = await Promise.all(servers.map((server) => askMesh(server, mesh, below, signal)));
    const [first, ...others] = answers as readonly (Answer | undefined)[];
    if (first === undefined && others.every((other) => other === undefined)) {
      const lists = await Promise.all(servers.map((server) => meshNames(server, signal)));
      throw unlisted(mesh, [...new Set(lists.flat())]);
    }
    if (first !== undefined && others.every((other) => other?.version === first.version)) return first;
    const names = servers.map(({ name }) => name).join(', ');
    throw new CommandError(
      exitCode.negative,
      `mesh ${mesh}: ${names} serve different versions; give only one of them as --server`,
    );
  };
  return {
    name: mesh,
    refusals: [],
    others: async () => {
      const lists = await Promise.all(servers.map((server) => meshNames(server, signal)));
      return [...new Set(lists.flat())].filter((name) => name !== mesh);
    },
    detail: () => ask<MeshDetail>(''),
    certificates: () => ask<MeshCertificates>('/certificates'),
    listed: async () => {
      const [server] = servers;
      const { trustDomains } = await ask<MeshCertificates>('/certificates');
      return server === undefined ? [] : listedOf(server, trustDomains, signal);
    },
    sequence: async (version) => {
      const answers = await Promise.all(servers.map((server) => askMesh(server, mesh, '/rollout', signal)));
      // In milliseconds: two changes are never pushed within one, and the number does not decrease after a restart. The
      // latest of all servers, so that it does not depend on their order.
      const times = (answers as readonly (RolloutDetail | undefined)[]).flatMap((answer) =>
        (answer?.versions ?? [])
          .filter((one) => one.version === version)
          .map(({ servedAt }) => Date.parse(servedAt)),
      );
      return times.length === 0 ? undefined : Math.max(...times);
    },
    doubt: async (trustDomain) => {
      const path = meshPath(mesh, `/trust-domains/${encodeURIComponent(trustDomain)}/pem`);
      const doubts = await mapFew(servers, (server) => doubtOf(server, path, signal));
      return doubts.find((doubt) => doubt !== undefined);
    },
  };
}

const okStatus = 200;

/**
 * Asks a server for a PEM file that has no certificate. Returns `undefined` if the server answers that it does not
 * exist, and otherwise the reason why that is not certain, such as a file that was not read since the start.
 */
async function doubtOf(server: ServerAccess, path: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    await askServer(server, 'GET', path, signal);
  } catch (error) {
    if (!(error instanceof AnswerError)) throw error;
    if (error.apiCode === 'not-found') return undefined;
    // A PEM file is no JSON.
    if (error.status !== okStatus) return error.message;
  }
  return `${server.name} has one in force by now`;
}

function unlisted(mesh: string, known: readonly string[]): CommandError {
  const meshes = ` (meshes: ${nameSome(known)})`;
  return new CommandError(
    exitCode.negative,
    `mesh ${mesh}: no MeshTrust lists it${meshes}; its proxies would refuse every client`,
  );
}

function unreadable(mesh: string, refusals: readonly Finding[]): CommandError {
  const first = refusals.slice(0, 1).map(formatFinding).join('');
  return new CommandError(
    exitCode.usage,
    `mesh ${mesh}: ${countUnknownTrust(refusals)}, and no other lists the mesh, so its trust is unknown: ${first}`,
  );
}

/**
 * Throws if trust of the mesh is unknown, because a whole file or resource is refused or a MeshIdentity gives nothing
 * now. Without this trust, output that replaces an earlier one would withdraw it; a server would keep it. Writes the
 * errors before.
 * @throws {CommandError} (usage)
 */
export function requireComplete({ name, refusals }: OneMesh, io: CommandIo): void {
  if (refusals.length === 0) return;
  writeFindings(io, refusals);
  throw new CommandError(
    exitCode.usage,
    `mesh ${name}: ${countUnknownTrust(refusals)}; a server would keep its previous version, so the trust of the mesh is unknown`,
  );
}

/** The most names in a message. */
const mostNames = 5;

/** Returns names in one line, at most the first five. */
export function nameSome(names: readonly string[]): string {
  const more = names.length - mostNames;
  return `${names.slice(0, mostNames).join(', ') || 'none'}${more > 0 ? ` and ${more} more` : ''}`;
}
