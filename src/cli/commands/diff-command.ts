import type { Command } from 'commander';
import type { MeshDetail } from '../../api/api-types.ts';
import type { ProxyList } from '../../api/fleet-api-types.ts';
import { wholeRefusalCodes } from '../../trust/findings/catalogue.ts';
import { counted } from '../../observe/log/describe-change.ts';
import { askServer } from '../ask/ask-server.ts';
import { diffMeshDetails } from '../offline/diff-meshes.ts';
import type { MeshDifference } from '../offline/diff-meshes.ts';
import { describeDifference, renderDifferences } from '../tables/diff-table.ts';
import type { ReportedDifference } from '../tables/diff-table.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { flag } from '../flags/flags.ts';
import type { FlagOptions } from '../flags/flags.ts';
import type { CommandIo } from '../terminal/io.ts';
import { mapFew } from '../terminal/map-few.ts';
import { addServingOptions, buildOffline, presentOffline } from '../offline/offline-meshes.ts';
import type { ServingOptions } from '../offline/offline-meshes.ts';
import { writeOutput } from '../terminal/output.ts';
import { servedMeshes } from '../offline/served-meshes.ts';
import { addServerOptions, serverAccess } from '../ask/server-options.ts';
import type { ServerAccess, ServerOptions } from '../ask/server-options.ts';
import { writeFindings } from '../terminal/write-findings.ts';
import { say } from '../terminal/terminal.ts';

type DiffOptions = FlagOptions<'mesh' | 'output'> & ServerOptions & ServingOptions;

/** The answer of the command, as JSON. */
interface DiffReport {
  /** What was compared: paths, or servers. */
  readonly before: string;
  readonly after: string;
  readonly meshes: readonly ReportedDifference[];
}

/** `meshtrust diff`: what would be trusted otherwise, of two sets of files or of files and a server. */
export function addDiffCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  const command = program
    .command('diff')
    .description('what a change would do: files against a running server, or files against files')
    .argument('<path>', 'file or directory: the change; before a second one, what was there before')
    .argument('[after]', 'file or directory: the change, compared with the first instead of a server')
    .addOption(flag('mesh'))
    .addOption(flag('output'));
  addServingOptions(addServerOptions(command)).action(
    async (path: string, after: string | undefined, options: DiffOptions) => {
      const report =
        after === undefined
          ? await againstServers(path, options, io)
          : await againstFiles(path, after, options, io);
      writeOutput(io, options.output, report, (style, { meshes }) => renderDifferences(meshes, style));
      for (const mesh of report.meshes) say(io, describeDifference(mesh));
      if (report.meshes.length === 0) say(io, `no difference: ${report.before}, ${report.after}`);
      done(report.meshes.length === 0 ? exitCode.ok : exitCode.negative);
    },
  );
}

async function againstFiles(
  before: string,
  after: string,
  options: DiffOptions,
  io: CommandIo,
): Promise<DiffReport> {
  const [earlier, later] = await Promise.all([filesAt(before, options, io), filesAt(after, options, io)]);
  checkListed(options.mesh, [earlier, later]);
  return { before, after, meshes: diffMeshDetails(earlier, later) };
}

/** Replicas serve the same, or the command does not know what to compare with. */
async function againstServers(path: string, options: DiffOptions, io: CommandIo): Promise<DiffReport> {
  const servers = await serverAccess(options, io);
  const [after, ...served] = await Promise.all([
    filesAt(path, options, io),
    ...servers.map(async (server) => only(await servedMeshes(server, io.signal), options.mesh)),
  ]);
  const [first = [], ...others] = served;
  const odd = others.findIndex((other) => diffMeshDetails(first, other).length > 0);
  if (odd >= 0) {
    const [one, other] = [servers[0]?.name, servers[odd + 1]?.name];
    throw new CommandError(exitCode.negative, `${one} and ${other} serve different things; ask one of them`);
  }
  checkListed(options.mesh, [first, after]);
  const differences = diffMeshDetails(first, after);
  const meshes = await mapFew(differences, async (difference): Promise<ReportedDifference> => {
    const counts = await Promise.all(servers.map((server) => concerned(server, difference, io.signal)));
    return { ...difference, proxies: counts.reduce((sum, count) => sum + count, 0) };
  });
  return { before: servers.map(({ name }) => name).join(' '), after: path, meshes };
}

/**
 * What would be served from files. What is refused of them is told.
 * @throws {CommandError} (usage) where a whole file or resource is refused: a server that knew it before would keep
 * what it said then, so nothing can be told of what it would change.
 */
async function filesAt(path: string, options: DiffOptions, io: CommandIo): Promise<readonly MeshDetail[]> {
  const meshes = await buildOffline([path], options, io);
  const errors = meshes.findings.filter(({ severity }) => severity === 'error');
  writeFindings(io, errors);
  const whole = errors.filter(({ code }) => wholeRefusalCodes.has(code));
  if (whole.length === 0) return only(presentOffline(meshes), options.mesh);
  const what = counted(whole.length, 'error');
  throw new CommandError(
    exitCode.usage,
    `${path} has ${what} by which a whole file or resource is refused: what would change cannot be told`,
  );
}

function checkListed(mesh: string | undefined, sides: readonly (readonly MeshDetail[])[]): void {
  if (mesh === undefined || sides.some((meshes) => meshes.length > 0)) return;
  throw new CommandError(exitCode.negative, `nothing is listed for mesh ${mesh}, neither before nor after`);
}

function only(meshes: readonly MeshDetail[], mesh: string | undefined): readonly MeshDetail[] {
  return mesh === undefined ? meshes : meshes.filter(({ name }) => name === mesh);
}

/** Longest question, within what the server reads of headers. Of so many names nearly every proxy has one. */
const longestQuery = 6_000;

/** How many connected proxies ask for something that differs. */
async function concerned(
  server: ServerAccess,
  { mesh, secrets }: MeshDifference,
  signal: AbortSignal,
): Promise<number> {
  const all = new URLSearchParams({ limit: '1', mesh });
  const those = new URLSearchParams(all);
  for (const name of secrets) those.append('secret', name);
  const query = those.toString();
  const path = `/api/v1/proxies?${query.length > longestQuery ? all.toString() : query}`;
  return ((await askServer(server, 'GET', path, signal)) as ProxyList).total;
}
