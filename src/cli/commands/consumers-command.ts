import type { Action } from './command.ts';
import type { ConsumerList } from '../../api/consumer-api-types.ts';
import { askAll } from '../ask/ask-all.ts';
import { askServer } from '../ask/ask-server.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerOptions } from '../ask/server-options.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { renderConsumers } from '../tables/consumer-table.ts';
import type { ListedConsumer } from '../tables/consumer-table.ts';
import { exitCode } from '../terminal/exit-code.ts';
import { writeOutput } from '../terminal/output.ts';
import { say } from '../terminal/terminal.ts';

type ConsumersOptions = FlagOptions<'mesh' | 'trustDomain' | 'output'> & ServerOptions;

/** Lists who fetched the bundles of servers. Each server knows only the requests that it answered itself. */
export const consumers: Action<ConsumersOptions> = async ({ options, io }) => {
  const servers = await serverAccess(options, io);
  const { answers: lists, missing } = await askAll(
    servers,
    async (server) =>
      (await askServer(server, 'GET', '/api/v1/federation/consumers', io.signal)) as ConsumerList,
  );
  const isSelected = (one: { readonly mesh: string; readonly trustDomain: string }): boolean =>
    (options.mesh ?? one.mesh) === one.mesh && (options.trustDomain ?? one.trustDomain) === one.trustDomain;
  const selected = lists.flatMap(({ server, answer: list }) =>
    list.consumers.filter(isSelected).map((consumer): ListedConsumer => ({ server, ...consumer })),
  );
  writeOutput(io, options.output, { consumers: selected }, (style, plain) =>
    renderConsumers(plain.consumers, style),
  );
  for (const { server, answer: list } of lists)
    if (list.forgotten > 0) say(io, `${server} has dropped consumers: it keeps the last 1,000`);
  if (missing !== undefined) throw missing;
  if (!lists.some(({ answer: list }) => list.published.some(isSelected)))
    say(io, 'no such bundle is published: see serve --bundle-serve');
  else if (selected.length === 0) say(io, 'no consumer has fetched a bundle since the start');
  return exitCode.ok;
};
