/**
 * What a change costs that goes out to many proxies, beside go-control-plane where Go is at hand:
 *
 *     npm run bench:fanout -- [--proxies 100,1000] [--bytes 2048,131072] [--node full,first,bare]
 *       [--workers 1,2] [--transport delta-ads] [--domains 1] [--rounds 10] [--runs 3] [--only NAME] [--write]
 *
 * --write: the results go to bench/README.md.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { bareNode, captureNode } from './fanout/capture-node.ts';
import { makeContent } from './fanout/content.ts';
import { measure, medianOf } from './fanout/measure.ts';
import type { Cost, Load } from './fanout/measure.ts';
import { method } from './fanout/method.ts';
import { goControlPlane, meshtrust } from './fanout/servers.ts';
import type { Contestant } from './fanout/servers.ts';
import { machine, row, writeReport } from './kit.ts';

const { values: flags } = parseArgs({
  options: {
    proxies: { type: 'string', default: '100,1000' },
    bytes: { type: 'string', default: '2048' },
    node: { type: 'string', default: 'full,first,bare' },
    transport: { type: 'string', default: 'delta-ads' },
    domains: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '10' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string' },
    workers: { type: 'string', default: '1' },
    profile: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const numbers = (text: string): readonly number[] => text.split(',').map(Number);
const profiling: Readonly<Record<string, string>> =
  flags.profile === undefined
    ? {}
    : {
        NODE_OPTIONS: flags.profile.startsWith('-')
          ? flags.profile
          : `--cpu-prof --cpu-prof-dir=${flags.profile}`,
      };

const captured = flags.node.split(',').some((mode) => mode !== 'bare') ? await captureNode() : undefined;
const peer = flags.only === 'meshtrust' ? undefined : await goControlPlane();
const contestants: Contestant[] = [];
if (flags.only !== 'go-control-plane') {
  for (const workers of numbers(flags.workers)) contestants.push(meshtrust(workers, profiling));
}
if (peer !== undefined && 'start' in peer) contestants.push(peer);

const figures: readonly (readonly [keyof Cost, string])[] = [
  ['pushCpu', 'CPU a push with its ACK, us'],
  ['last', 'change to the last proxy, ms'],
  ['median', 'change to the median proxy, ms'],
  ['connectCpu', 'CPU to connect, us'],
  ['memory', 'memory a stream, KiB'],
  ['resumeCpu', 'CPU to reconnect, versions quoted, us'],
  ['resent', 'secrets sent for that'],
  ['restartCpu', 'CPU to reconnect with nothing, us'],
  ['idle', 'idle, % of a core'],
];

const lines: string[] = [];
function say(...text: readonly string[]): void {
  lines.push(...text);
  process.stdout.write(`${text.join('\n')}\n`);
}

say(
  ...method,
  '',
  `${machine()}. Server, generator and all else share the cores. Load average of the machine at the`,
  `start: ${loadavg()
    .map((value) => value.toFixed(1))
    .join(
      ', ',
    )}. Medians of ${flags.runs} runs, each of ${flags.rounds} changes; the runs of the servers take turns.`,
);
if (captured !== undefined) {
  say(
    '',
    'missing' in captured
      ? `No real node: ${captured.missing}.`
      : `The real node is that of Envoy ${captured.version}: ${captured.node.length} bytes.`,
  );
}
if (peer !== undefined && 'missing' in peer) say('', `No peer: ${peer.missing}.`);

for (const bytes of numbers(flags.bytes)) {
  for (const domains of numbers(flags.domains)) {
    const content = makeContent(bytes, domains);
    for (const transport of flags.transport.split(',')) {
      for (const mode of flags.node.split(',')) {
        for (const proxies of numbers(flags.proxies)) {
          const load = loadOf(transport, mode, proxies);
          if (load === undefined) continue;
          say('', `## ${titleOf(proxies, bytes, transport, mode, domains)}`, '');
          await compare(load, content);
        }
      }
    }
  }
}

if (flags.write) {
  lines.push('', `\`npm run bench:fanout -- ${process.argv.slice(2).join(' ')}\``);
  await writeReport('README.md', `${lines.join('\n')}\n`);
}

function titleOf(proxies: number, bytes: number, transport: string, mode: string, domains: number): string {
  const nodes: Readonly<Record<string, string>> = {
    full: 'a real node in every request',
    first: 'a real node in the first request',
    bare: 'a node of some bytes',
  };
  const among = domains === 1 ? '' : `, one of ${domains} trust domains`;
  const size = bytes >= 1024 ? `${Math.round(bytes / 1024)} KB` : `${bytes} bytes`;
  return `${proxies} proxies, ${size}, ${transport}, ${nodes[mode] ?? mode}${among}`;
}

function loadOf(transport: string, mode: string, proxies: number): Load | undefined {
  const bare = mode === 'bare';
  if (!bare && (captured === undefined || 'missing' in captured)) return undefined;
  const [protocol, api] = transport.split('-');
  return {
    proxies,
    protocol: protocol === 'sotw' ? 'sotw' : 'delta',
    transport: api === 'sds' ? 'sds' : 'ads',
    node: bare || captured === undefined || 'missing' in captured ? bareNode : captured.node,
    nodeInEveryRequest: mode === 'full',
    rounds: Number(flags.rounds),
  };
}

async function compare(load: Load, content: ReturnType<typeof makeContent>): Promise<void> {
  const costs = new Map<string, Cost[]>(contestants.map(({ name }) => [name, []]));
  for (let run = 0; run < Number(flags.runs); run += 1) {
    for (const contestant of contestants) {
      costs.get(contestant.name)?.push(await measure(contestant, content, load));
    }
  }
  say(
    row('', ...contestants.map(({ name }) => name), 'ratio'),
    row('---', ...contestants.map(() => '---:'), '---:'),
  );
  for (const [figure, title] of figures) {
    const medians = contestants.map(({ name }) =>
      medianOf((costs.get(name) ?? []).map((cost) => cost[figure])),
    );
    const [ours = Number.NaN, theirs = Number.NaN] = medians;
    const ratio = contestants.length > 1 && theirs > 0 ? (ours / theirs).toFixed(2) : '';
    say(row(title, ...medians.map((value) => value.toFixed(value < 10 ? 1 : 0)), ratio));
  }
}
