/**
 * Measures the cost of a call from ghz, compared with go-control-plane if Go is installed:
 *
 *     npm run bench:ghz -- [--runs 3] [--total 10000] [--warm-up 3000] [--transports own,grpc-js] [--write]
 *
 * `--warm-up`: calls before the measurement. V8 is still compiling until about 25,000 calls have been made. `--write`:
 * into bench/ghz.md.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { installTool } from '../scripts/tools/install-tool.ts';
import { makeContent } from './fanout/content.ts';
import { medianOf } from './fanout/measure.ts';
import { cpuMs, untilIdle } from './fanout/process-cost.ts';
import { goControlPlane, meshtrust } from './fanout/servers.ts';
import type { Contestant } from './fanout/servers.ts';
import { commandOf, methodOf, runGhz } from './ghz/run-ghz.ts';
import type { GhzCall } from './ghz/run-ghz.ts';
import { machine, row, writeReport } from './kit.ts';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    total: { type: 'string', default: '10000' },
    'warm-up': { type: 'string', default: '3000' },
    transports: { type: 'string', default: 'own' },
    write: { type: 'boolean', default: false },
  },
});
const runs = Number(flags.runs);
const total = Number(flags.total);
const warmUp = Number(flags['warm-up']);
const concurrencies = [1, 50, 200];
const content = makeContent(2048, 1);
/** ghz opens streams faster than any fleet: with the default rate, most of them would wait. */
const unlimited = '--open-burst=1000000';

/** The cheapest cache of go-control-plane that supports the method. */
const calls: readonly { readonly call: GhzCall; readonly cache: 'snapshot' | 'linear' }[] = [
  { call: 'fetch-secrets', cache: 'snapshot' },
  { call: 'delta-stream', cache: 'linear' },
];

interface Figures {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpu: number;
}

const figures: readonly (readonly [keyof Figures, string, digits: number])[] = [
  ['perSecond', 'calls a second', 0],
  ['p50', 'median latency, ms', 2],
  ['p99', '99th percentile, ms', 2],
  ['cpu', 'server CPU a call, us', 0],
];

const ghz = await installTool('ghz');
const startedAt = performance.now();
const load = loadavg().map((value) => value.toFixed(1));
const lines: string[] = [];
for (const { call, cache } of calls) {
  const peer = await goControlPlane(cache);
  const ours = flags.transports.split(',').map((transport) => meshtrust({ transport, args: [unlimited] }));
  const contestants = [...ours, ...('start' in peer ? [peer] : [])];
  const measured = await measureAll(contestants, call);
  lines.push('', `## \`${(await methodOf(call)).split('.').slice(-2).join('.')}\``, '');
  if ('missing' in peer) lines.push(`No peer: ${peer.missing}.`, '');
  lines.push(
    row('at a time', '', ...contestants.map(({ name }) => name), ...contestants.slice(1).map(() => 'ratio')),
    row('---:', '---', ...contestants.map(() => '---:'), ...contestants.slice(1).map(() => '---:')),
  );
  for (const concurrency of concurrencies) {
    for (const [figure, title, digits] of figures) {
      const medians = contestants.map(({ name }) =>
        medianOf((measured.get(`${name} ${concurrency}`) ?? []).map((one) => one[figure])),
      );
      // Each server relative to the last one.
      const theirs = medians.at(-1) ?? Number.NaN;
      const ratios = medians.slice(0, -1).map((one) => (one / theirs).toFixed(2));
      lines.push(row(concurrency, title, ...medians.map((value) => value.toFixed(digits)), ...ratios));
    }
  }
}
const minutes = Math.ceil((performance.now() - startedAt) / 60_000);

const report = [
  '# ghz',
  '',
  'ghz needs no proto files: it asks the reflection of the server. `node scripts/install-tools.ts ghz` builds it into',
  '`.cache/ghz` (with Go, from the module proxy). With the server running (`npm start`), on a checkout:',
  '',
  '```sh',
  ...calls.map(({ call }) => commandOf({ call, total: 20_000, concurrency: 50 })),
  '```',
  '',
  'The configurations are plain ones of ghz: what is sent can be read, and changed, there.',
  '',
  '- `fetch-secrets.json` is one unary call: the joint secret of a mesh.',
  '- `delta-stream.json` is a whole stream: opened, subscribed, answered, a second request such as an ACK, closed.',
  '  That is the dearest way to use a stream, and not what proxies do, whose streams stay open; what they cost',
  '  is in [the fan-out report](fanout.md). Beyond 10,000 of them in short order the server opens 1,000 a second,',
  '  so that a storm of connections cannot starve the proxies that it has; the others wait. To see what it can do,',
  `  start it with \`${unlimited}\`, as here.`,
  '',
  '## How these figures were measured',
  '',
  `${machine()}; ghz and the server share the cores. One secret of 2 KB, the same bytes from both servers.`,
  `${total.toLocaleString('en')} calls, spread over ${concurrencies.slice(0, -1).join(', ')} or ${String(concurrencies.at(-1))}`,
  `concurrent calls and at most 10 connections, after ${warmUp.toLocaleString('en')} without measurement, which begin once the server is idle`,
  `after its start. Medians of ${runs} runs, in which the`,
  `servers alternate, each newly started; load average of the machine at the start: ${load.join(', ')}. CPU is that`,
  'of all threads of the server, from `/proc`. All calls ended with OK.',
  '',
  'The peer is the stock server of go-control-plane v0.14 (`peers/go-control-plane`). Its `LinearCache`, which streams',
  'are measured with, answers a Fetch with "fetch is not implemented by LinearCache". Its `SnapshotCache` supports it, so',
  'Fetch is measured with that.',
  ...lines,
  '',
  `\`npm run bench:ghz -- ${process.argv.slice(2).join(' ')}\`, which took ${minutes} minutes.`,
];
process.stdout.write(`${report.join('\n')}\n`);
if (flags.write) await writeReport('ghz.md', `${report.join('\n')}\n`);

/** Returns all figures, by server and concurrency. */
async function measureAll(
  contestants: readonly Contestant[],
  call: GhzCall,
): Promise<ReadonlyMap<string, readonly Figures[]>> {
  const measured = new Map<string, Figures[]>();
  for (let run = 0; run < runs; run += 1) {
    for (const { name, start } of contestants) {
      await using server = await start(content);
      const { address, pid } = server;
      await untilIdle(name, pid);
      await runGhz({ ghz, address, call, total: warmUp, concurrency: 50 });
      for (const concurrency of concurrencies) {
        const before = cpuMs(pid);
        const result = await runGhz({ ghz, address, call, total, concurrency });
        const cpu = ((cpuMs(pid) - before) * 1000) / result.count;
        const key = `${name} ${concurrency}`;
        measured.set(key, [...(measured.get(key) ?? []), { ...result, cpu }]);
      }
    }
  }
  return measured;
}
