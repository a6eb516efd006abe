import type { Action } from './command.ts';
import { plainText } from '../../text/plain-text.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { formatDuration, renderTable, writeOutput } from '../terminal/output.ts';
import type { Column, TableStyle } from '../terminal/output.ts';
import { shortVersion, toneOf } from '../tables/proxy-table.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerOptions } from '../ask/server-options.ts';
import { waitFor } from '../ask/wait-for-proxies.ts';
import { describeWait } from '../ask/wait-state.ts';
import type { ServerState, WaitState } from '../ask/wait-state.ts';

type WaitOptions = FlagOptions<'mesh' | 'version' | 'proxies' | 'timeout' | 'output'> & ServerOptions;

/** Maximum length of a line on stderr. */
const lineLength = 2_000;

/** Returns when all proxies of all servers have acknowledged the served version. */
export const wait: Action<WaitOptions> = async ({ options, io }) => {
  const { mesh, version, proxies, output, timeout } = options;
  if (mesh === undefined) throw new CommandError(exitCode.usage, 'the mesh is missing: give --mesh NAME');
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
  return exitCode.ok;
};

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

/** Renders the proxies that lag; empty if none does. Missing proxies are reported on stderr. */
function renderLagging({ lagging }: WaitState, style: TableStyle): string {
  return lagging.length === 0 ? '' : renderTable(laggingColumns, lagging, style);
}
