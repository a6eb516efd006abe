import type { Action } from './command.ts';
import type { FindingList } from '../../api/api-types.ts';
import type { ProxyList, RolloutDetail } from '../../api/fleet-api-types.ts';
import type { ServerDetail } from '../../api/server-api-types.ts';
import { counted } from '../../text/counted.ts';
import { askServer, mapFew } from '../ask/ask-server.ts';
import { renderChecks, reportChecks } from '../tables/check-report.ts';
import { dropMoved } from '../ask/moved-proxies.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { checkReplicas, checkServer } from '../ask/check-server.ts';
import type { ServerFacts } from '../ask/check-result.ts';
import { writeOutput } from '../terminal/output.ts';
import { meshPath, servedMeshes } from '../offline/served-meshes.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerAccess, ServerOptions } from '../ask/server-options.ts';
import { version } from '../terminal/version.ts';
import { say } from '../terminal/terminal.ts';

type CheckOptions = FlagOptions<'strict' | 'output'> & ServerOptions;

/** Checks running servers, the trust that they serve, and their proxies. */
export const check: Action<CheckOptions> = async ({ options, io }) => {
  const servers = await serverAccess(options, io);
  const facts = await Promise.all(
    servers.map(async (server) =>
      withoutMovedProxies(await factsOf(server, io.signal), server, servers, io.signal),
    ),
  );
  const context = { version, now: Date.now() };
  const results = [...facts.flatMap((one) => checkServer(one, context)), ...checkReplicas(facts)];
  const report = reportChecks(results);
  writeOutput(io, options.output, report, (style, plain) => renderChecks(plain, style));
  const { ok, warning, failed } = report.counts;
  say(io, `${counted(ok, 'check')} passed, ${counted(warning, 'warning')}, ${failed} failed`);
  if (facts.some(({ kind }) => kind === 'unreachable')) return exitCode.unreachable;
  else return failed > 0 || (options.strict === true && warning > 0) ? exitCode.negative : exitCode.ok;
};

/** Leaves out lost proxies that are in sync at another server: they have only moved. */
async function withoutMovedProxies(
  facts: ServerFacts,
  server: ServerAccess,
  servers: readonly ServerAccess[],
  signal: AbortSignal,
): Promise<ServerFacts> {
  if (facts.kind !== 'answered') return facts;
  const others = servers.filter(({ name }) => name !== server.name);
  const rollouts = await mapFew(facts.rollouts, (rollout) => dropMoved(rollout, server, others, signal));
  const lacking = (some: readonly RolloutDetail[]): number =>
    some.reduce((sum, { proxies }) => sum + proxies.lost + proxies.reconnecting, 0);
  return { ...facts, rollouts, connected: facts.connected - lacking(facts.rollouts) + lacking(rollouts) };
}

/** Reads all that the checks need from a server. A server that does not answer is a fact, not an error. */
async function factsOf(server: ServerAccess, signal: AbortSignal): Promise<ServerFacts> {
  try {
    const ask = (path: string): Promise<unknown> => askServer(server, 'GET', path, signal);
    const detail = (await ask('/api/v1/server')) as ServerDetail;
    const meshes = await servedMeshes(server, signal);
    const findings = (await ask('/api/v1/findings')) as FindingList;
    const rollouts = await mapFew(
      meshes,
      async ({ name }) => (await ask(meshPath(name, '/rollout'))) as RolloutDetail,
    );
    const { total } = (await ask('/api/v1/proxies?limit=1')) as ProxyList;
    return { kind: 'answered', server: server.name, detail, meshes, findings, rollouts, connected: total };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const kind = error.code === exitCode.unreachable ? 'unreachable' : 'refused';
    return { kind, server: server.name, reason: error.message };
  }
}
