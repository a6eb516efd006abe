import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { RolloutDetail } from '../admin/fleet-api-types.ts';
import { plainText } from '../telemetry/plain-text.ts';
import { AnswerError, askServer } from './ask-server.ts';
import { CommandError, exitCode } from './exit-code.ts';
import { flag } from './flags.ts';
import type { CommandIo } from './io.ts';
import { formatDuration, renderTable, writeOutput } from './output.ts';
import type { Column, OutputFormat, TableStyle } from './output.ts';
import { shortVersion, toneOf } from './proxy-table.ts';
import { addServerOptions, serverAccess } from './server-options.ts';
import type { ServerAccess, ServerOptions } from './server-options.ts';
import { describeWait, judgeWait } from './wait-state.ts';
import type { ServerRollout, ServerState, WaitQuestion, WaitState } from './wait-state.ts';
import { timerMs } from '../timers/timers.ts';
import { say } from './terminal.ts';

interface WaitOptions extends ServerOptions {
  readonly mesh?: string;
  readonly version?: string;
  readonly proxies: number;
  readonly timeout: number;
  readonly output: OutputFormat;
}

/** How often servers are asked, ms. */
const askMs = 200;
/** Longest line of talk. */
const lineLength = 2_000;

/** `meshtrust wait`: returns when all connected proxies of all servers have acknowledged what is served. */
export function addWaitCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  const command = program
    .command('wait')
    .description('wait until all connected proxies of a mesh have acknowledged what is served, or a version')
    .addOption(flag('mesh'))
    .addOption(flag('version'))
    .addOption(flag('proxies'))
    .addOption(flag('timeout'))
    .addOption(flag('output'));
  addServerOptions(command).action(async (options: WaitOptions) => {
    const { mesh, version, proxies, output, timeout } = options;
    if (mesh === undefined) throw new CommandError(exitCode.usage, 'say which mesh to wait for: --mesh NAME');
    const question = { mesh, version, proxies };
    const { state, answers } = await waitFor(io, await serverAccess(options, io), question, timeout);
    writeOutput(io, output, state, (style, plain) =>
      plain.done ? renderTable(serverColumns, plain.servers, style) : renderLagging(plain, style),
    );
    if (!state.done) {
      const gone = answers.find((answer) => answer.kind === 'unreachable');
      const text = `timed out after ${formatDuration(timeout)}: ${describeWait(state)}`;
      throw new CommandError(
        gone === undefined ? exitCode.timeout : exitCode.unreachable,
        plainText(text, lineLength),
      );
    }
    done(exitCode.ok);
  });
}

const serverColumns: readonly Column<ServerState>[] = [
  { title: 'SERVER', value: ({ server }) => server },
  { title: 'VERSION', value: ({ version }) => shortVersion(version) },
  { title: 'PROXIES', value: ({ acked, connected }) => `${acked}/${connected}` },
];

const laggingColumns: readonly Column<WaitState['lagging'][number]>[] = [
  { title: 'NODE', value: ({ node }) => node },
  { title: 'STATE', value: ({ state }) => state, tone: ({ state }) => toneOf(state) },
  { title: 'ACKED', value: ({ version }) => shortVersion(version) },
  {
    title: 'BEHIND',
    value: ({ behindSeconds }) => (behindSeconds === undefined ? '' : formatDuration(behindSeconds * 1000)),
  },
  { title: 'ADDRESS', value: ({ address }) => address },
  { title: 'SERVER', value: ({ server }) => server, wide: true },
  { title: 'MESSAGE', value: ({ message }) => message ?? '' },
];

/** Nothing where none lags, but some are missing: stderr says that. */
function renderLagging({ lagging }: WaitState, style: TableStyle): string {
  return lagging.length === 0 ? '' : renderTable(laggingColumns, lagging, style);
}

interface Waited {
  readonly state: WaitState;
  readonly answers: readonly ServerRollout[];
}

/** Asks until all have it or the time is up. What it waits for is said on stderr whenever that changes. */
async function waitFor(
  io: CommandIo,
  servers: readonly ServerAccess[],
  question: WaitQuestion,
  timeout: number,
): Promise<Waited> {
  const { mesh, version } = question;
  const deadline = performance.now() + timeout;
  const query = version === undefined ? '' : `?version=${encodeURIComponent(version)}`;
  const path = `/api/v1/meshes/${encodeURIComponent(mesh)}/rollout${query}`;
  let said = '';
  for (let round = 0; ; round += 1) {
    const answers = await Promise.all(
      servers.map((server) => rolloutOf(server, path, io.signal, round === 0, version !== undefined)),
    );
    const state = judgeWait(question, answers);
    const line = plainText(describeWait(state), lineLength);
    if (line !== said) say(io, line);
    said = line;
    const left = deadline - performance.now();
    if (state.done || left <= 0) return { state, answers };
    await delay(timerMs(Math.min(askMs, left)), undefined, { signal: io.signal }).catch(() => undefined);
    if (io.signal.aborted) throw new CommandError(exitCode.negative, 'interrupted');
  }
}

/**
 * A server that cannot be reached at first is a mistake in the command; one that goes away later may be
 * restarting. A mesh that nothing is listed for can only come to be if a version of it is waited for.
 */
async function rolloutOf(
  { name, ...access }: ServerAccess,
  path: string,
  signal: AbortSignal,
  isFirst: boolean,
  mayAppear: boolean,
): Promise<ServerRollout> {
  try {
    const rollout = (await askServer({ name, ...access }, 'GET', path, signal)) as RolloutDetail;
    return { kind: 'rollout', server: name, rollout };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error instanceof AnswerError && error.apiCode === 'unknown-mesh' && mayAppear) {
      return { kind: 'unlisted', server: name };
    }
    if (error.code !== exitCode.unreachable || isFirst) throw error;
    return { kind: 'unreachable', server: name, reason: error.message };
  }
}
