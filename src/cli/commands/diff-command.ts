import type { Action } from './command.ts';
import type { MeshDetail } from '../../api/api-types.ts';
import type { ProxyList } from '../../api/fleet-api-types.ts';
import type { Finding } from '../../trust/findings/finding.ts';
import type { Holdings } from '../../trust/ledger/share.ts';
import { askServer, mapFew } from '../ask/ask-server.ts';
import { addResources, servedHoldings } from '../offline/add-resources.ts';
import { diffMeshDetails } from '../offline/diff-meshes.ts';
import type { MeshDifference } from '../offline/diff-meshes.ts';
import { describeDifference, renderDifferences } from '../tables/diff-table.ts';
import type { ReportedDifference } from '../tables/diff-table.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { FlagOptions } from '../flags/flags.ts';
import type { CommandIo } from '../terminal/io.ts';
import { buildOffline, concerns, presentOffline } from '../offline/offline-meshes.ts';
import type { ServingOptions } from '../offline/offline-meshes.ts';
import { countUnknownTrust, unknownTrust } from '../offline/unknown-trust.ts';
import { writeOutput } from '../terminal/output.ts';
import { servedMeshes } from '../offline/served-meshes.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerAccess, ServerOptions } from '../ask/server-options.ts';
import { writeFindings } from '../terminal/write-findings.ts';
import { say } from '../terminal/terminal.ts';

type DiffOptions = FlagOptions<'mesh' | 'add' | 'output'> & ServerOptions & ServingOptions;

/** The command's output with `-o json`. */
interface DiffReport {
  /** Paths or servers that were compared. */
  readonly before: string;
  readonly after: string;
  readonly meshes: readonly ReportedDifference[];
}

/** Compares the trust of files with a running server, or with other files. */
export const diff: Action<DiffOptions> = async ({ operands: [path = '', after], options, io }) => {
  const report =
    after === undefined
      ? await againstServers(path, options, io)
      : await againstFiles(path, after, options, io);
  writeOutput(io, options.output, report, (style, { meshes }) => renderDifferences(meshes, style));
  for (const mesh of report.meshes) say(io, describeDifference(mesh));
  if (report.meshes.length === 0) say(io, `no difference between ${report.before} and ${report.after}`);
  return report.meshes.length === 0 ? exitCode.ok : exitCode.negative;
};

async function againstFiles(
  before: string,
  after: string,
  options: DiffOptions,
  io: CommandIo,
): Promise<DiffReport> {
  // `before` is read once: a pipe would be empty the second time.
  const earlier = await filesAt(before, options, io);
  const later = await filesAt(after, options, io, options.add === true ? earlier.holdings : undefined);
  writeFindings(io, newErrors(earlier.errors, later.errors));
  checkListed(options.mesh, [earlier.meshes, later.meshes]);
  return { before, after, meshes: diffMeshDetails(earlier.meshes, later.meshes) };
}

/**
 * Compares files with what servers serve.
 * @throws {CommandError} (negative) if the servers differ: there would be no one state to compare with.
 */
async function againstServers(path: string, options: DiffOptions, io: CommandIo): Promise<DiffReport> {
  const servers = await serverAccess(options, io);
  const served = await Promise.all(
    servers.map(async (server) => only(await servedMeshes(server, io.signal), options.mesh)),
  );
  const [first = [], ...others] = served;
  const [server] = servers;
  const isBeside = options.add === true && server !== undefined;
  const base = isBeside ? await servedHoldings(server, first, io.signal) : undefined;
  const files = await filesAt(path, options, io, base);
  const known = first.flatMap(({ findings }) => findings);
  writeFindings(io, newErrors(known, files.errors));
  const odd = others.findIndex((other) => diffMeshDetails(first, other).length > 0);
  if (odd >= 0) {
    const [one, other] = [servers[0]?.name, servers[odd + 1]?.name];
    throw new CommandError(
      exitCode.negative,
      `${one} and ${other} serve different versions; give only one of them as --server`,
    );
  }
  checkListed(options.mesh, [first, files.meshes]);
  const differences = diffMeshDetails(first, files.meshes);
  const meshes = await mapFew(differences, async (difference): Promise<ReportedDifference> => {
    const counts = await Promise.all(servers.map((server) => affectedProxies(server, difference, io.signal)));
    return { ...difference, proxies: counts.reduce((sum, count) => sum + count, 0) };
  });
  return { before: servers.map(({ name }) => name).join(' '), after: path, meshes };
}

/** One side of a comparison. */
interface Side {
  readonly meshes: readonly MeshDetail[];
  readonly holdings: Holdings;
  /** Errors of the mesh of `--mesh`, or of all. */
  readonly errors: readonly Finding[];
}

/**
 * Returns the meshes that would be served from files, beside those of `base`, and the errors in them.
 * @throws {CommandError} (usage) if a whole file or resource is refused, or a MeshIdentity gives nothing now. A server
 * would keep the previous version of it, so the effect of the change is unknown. The errors are printed before.
 */
async function filesAt(
  path: string,
  options: DiffOptions,
  io: CommandIo,
  base: Holdings = new Map(),
): Promise<Side> {
  const { mesh } = options;
  const built = await buildOffline([path], options, io, (added) => addResources(base, added));
  const errors = built.findings.filter(
    (found) => found.severity === 'error' && (mesh === undefined || concerns(found, mesh)),
  );
  const unknown = unknownTrust(errors);
  if (unknown.length === 0)
    return { meshes: only(presentOffline(built), mesh), holdings: built.holdings, errors };
  writeFindings(io, errors);
  throw new CommandError(
    exitCode.usage,
    `${path}: ${countUnknownTrust(unknown)}; a server would keep its previous version, so the change is unknown`,
  );
}

/** Returns the errors that the change brings. Files, lines and times of both sides may differ, so they do not count. */
function newErrors(before: readonly Finding[], after: readonly Finding[]): readonly Finding[] {
  const known = new Set(before.map(identityOf));
  return after.filter((found) => !known.has(identityOf(found)));
}

function identityOf({ code, mesh, resource, trustDomain, path, block, fingerprint }: Finding): string {
  return JSON.stringify([code, mesh, resource, trustDomain, path, block, fingerprint]);
}

function checkListed(mesh: string | undefined, sides: readonly (readonly MeshDetail[])[]): void {
  if (mesh === undefined || sides.some((meshes) => meshes.length > 0)) return;
  throw new CommandError(
    exitCode.negative,
    `mesh ${mesh}: no MeshTrust lists it, before or after the change`,
  );
}

function only(meshes: readonly MeshDetail[], mesh: string | undefined): readonly MeshDetail[] {
  return mesh === undefined ? meshes : meshes.filter(({ name }) => name === mesh);
}

/**
 * Maximum length of a query, within the server's limit for headers. Nearly every proxy subscribes to one of the names
 * in a longer query.
 */
const longestQuery = 6_000;

/** Returns the number of connected proxies that subscribe to a secret that differs. */
async function affectedProxies(
  server: ServerAccess,
  { mesh, secrets }: MeshDifference,
  signal: AbortSignal,
): Promise<number> {
  const all = new URLSearchParams({ limit: '1', mesh });
  const bySecret = new URLSearchParams(all);
  for (const name of secrets) bySecret.append('secret', name);
  const query = bySecret.toString();
  const path = `/api/v1/proxies?${query.length > longestQuery ? all.toString() : query}`;
  return ((await askServer(server, 'GET', path, signal)) as ProxyList).total;
}
