/**
 * Measures the cost of a change that is sent to many proxies, compared with go-control-plane if Go is installed:
 *
 *     npm run bench:fanout -- [CASE…] [--all] [--rounds 10] [--runs 3] [--burst 101] [--slow 10%] [--workers 1,2]
 *       [--transports own,grpc-js] [--tls | --mtls] [--warm-up 10000] [--idle 5] [--only NAME] [--minutes 120]
 *       [--write] [--report FILE]
 *
 * A case is NODE/BYTES/PROXIES[/DOMAINS[/TRANSPORT]], such as bare/2048/100,1000 (bench/fanout/cases.ts).
 * --tls: with TLS. --mtls: with TLS, and all servers verify client certificates (meshtrust: --tls-client-ca).
 * --warm-up: pushes before the measured ones; 0 measures a fresh server. --idle: seconds without any event.
 * --all: every case of the report. --minutes: time after which no further case begins; skipped cases are listed.
 * --write: writes the results to bench/fanout.md (or the file of --report next to it), and plots to bench/plots.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { freemem, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { bareNode, captureNode } from './fanout/capture-node.ts';
import { keyWithoutDomains, parseCase, slugOf, titleOf, wholeTable } from './fanout/cases.ts';
import type { Case } from './fanout/cases.ts';
import { makeContent } from './fanout/content.ts';
import type { Content } from './fanout/content.ts';
import { measure, medianOf } from './fanout/measure.ts';
import type { Cost, Load } from './fanout/measure.ts';
import { methodOf } from './fanout/method.ts';
import { drawPlot } from './fanout/plot.ts';
import { goControlPlane, meshtrust } from './fanout/servers.ts';
import type { Contestant } from './fanout/servers.ts';
import type { Security } from './fanout/security.ts';
import { machine, row, writeReport } from './kit.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '10' },
    runs: { type: 'string', default: '3' },
    'warm-up': { type: 'string', default: '10000' },
    idle: { type: 'string', default: '5' },
    burst: { type: 'string', default: '0' },
    slow: { type: 'string', default: '0' },
    only: { type: 'string' },
    all: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '120' },
    workers: { type: 'string', default: '1' },
    transports: { type: 'string', default: 'own' },
    tls: { type: 'boolean', default: false },
    mtls: { type: 'boolean', default: false },
    profile: { type: 'string' },
    write: { type: 'boolean', default: false },
    report: { type: 'string', default: 'fanout.md' },
  },
});
// After an even number of changes between two forms of a secret, the secret is the same, and nothing would be sent.
if (Number(flags.burst) % 2 === 0 && flags.burst !== '0') throw new Error('--burst: 0 or an odd number');
const numbers = (text: string): readonly number[] => text.split(',').map(Number);
const profiling: Readonly<Record<string, string>> =
  flags.profile === undefined
    ? {}
    : {
        NODE_OPTIONS: flags.profile.startsWith('-')
          ? flags.profile
          : `--cpu-prof --cpu-prof-dir=${flags.profile}`,
      };

/** The generator and the kernel hold several copies of what all proxies receive. */
const memoryShare = 4;
const standard = ['full/2048/100,1000', 'first/2048/100,1000', 'bare/2048/100,1000'];
const chosen = [...(flags.all ? wholeTable : []), ...positionals];
const cases = (chosen.length === 0 ? standard : chosen).map(parseCase);
const security: Security = flags.mtls ? 'mtls' : flags.tls ? 'tls' : 'plain';
const startedAt = performance.now();
const minutesSince = (): number => (performance.now() - startedAt) / 60_000;
const captured = cases.some(({ node }) => node !== 'bare') ? await captureNode() : undefined;
const peer = flags.only === 'meshtrust' ? undefined : await goControlPlane('linear', security);
const contestants: Contestant[] = [];
if (flags.only !== 'go-control-plane') {
  for (const transport of flags.transports.split(','))
    for (const workers of numbers(flags.workers))
      contestants.push(meshtrust({ workers, transport, security, env: profiling }));
}
if (peer !== undefined && 'start' in peer) contestants.push(peer);

const figures: readonly (readonly [keyof Cost, string])[] = [
  ['pushCpu', 'CPU per push with its ACK, us'],
  ['receiptCpu', 'CPU of the load generator for that, us'],
  ['last', 'change to the last proxy, ms'],
  ['median', 'change to the median proxy, ms'],
  ['connectCpu', 'CPU to connect, us'],
  ['memory', 'memory per stream, KiB'],
  ['closeCpu', 'CPU of the end of all connections, us'],
  ['resumeCpu', 'CPU to reconnect, versions quoted, us'],
  ['resent', 'secrets sent at that reconnect'],
  ['restartCpu', 'CPU to reconnect, no versions quoted, us'],
  ['burstCpu', `CPU of a burst of ${flags.burst} changes, us`],
  ['burstResponses', 'responses to a burst'],
  ['besideSlow', `change to the last proxy while ${flags.slow} do not read, ms`],
  ['slowMemory', 'memory per proxy that does not read, KiB'],
  ['caughtUp', 'change to the last of these, once they read, ms'],
  ['idle', `idle for ${flags.idle} s, % of a core`],
];

type Medians = Readonly<Partial<Record<keyof Cost, number>>>;

const lines: string[] = [];
function say(...text: readonly string[]): void {
  lines.push(...text);
  process.stdout.write(`${text.join('\n')}\n`);
}

say(
  ...methodOf(Number(flags['warm-up']), security),
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

/** Costs by case (without its number of trust domains) and number of proxies. */
const byDomains = new Map<string, { domains: number; title: string; medians: readonly Medians[] }[]>();
const leftOut: string[] = [];
const plots = new URL('plots/', import.meta.url);
for (const one of cases) {
  const content = makeContent(one.bytes, one.domains);
  const costs: (readonly [proxies: number, medians: readonly Medians[]])[] = [];
  for (const proxies of one.proxies) {
    const load = loadOf(one, proxies);
    if (load === undefined) continue;
    const title = `${proxies} proxies, ${titleOf(one, security)}`;
    if (minutesSince() > Number(flags.minutes) || proxies * one.bytes > freemem() / memoryShare) {
      leftOut.push(title);
      continue;
    }
    say('', `## ${title}`, '');
    const medians = await compare(load, content);
    costs.push([proxies, medians]);
    const key = `${proxies}-${keyWithoutDomains(one)}`;
    byDomains.set(key, [...(byDomains.get(key) ?? []), { domains: one.domains, title, medians }]);
  }
  if (flags.write && costs.length > 1) await plot(one, costs);
}

sayGrowth();
if (leftOut.length > 0) {
  say('', 'Left out, for want of time or memory:', '', ...leftOut.map((title) => `- ${title}`));
}
say('', `The run took ${Math.ceil(minutesSince())} minutes.`);

if (flags.write) {
  lines.push('', `\`npm run bench:fanout -- ${process.argv.slice(2).join(' ')}\``);
  await writeReport(flags.report, `${lines.join('\n')}\n`);
}

function loadOf({ node, protocol, transport }: Case, proxies: number): Load | undefined {
  const bare = node === 'bare';
  if (!bare && (captured === undefined || 'missing' in captured)) return undefined;
  return {
    proxies,
    protocol,
    transport,
    node: bare || captured === undefined || 'missing' in captured ? bareNode : captured.node,
    nodeInEveryRequest: node === 'full',
    rounds: Number(flags.rounds),
    warmUp: Number(flags['warm-up']),
    idleMs: Number(flags.idle) * 1000,
    burst: Number(flags.burst),
    slow: slowAmong(proxies),
  };
}

/** `--slow` is a number of proxies, or a share of them such as `10%`. */
function slowAmong(proxies: number): number {
  const value = Number.parseFloat(flags.slow);
  return flags.slow.endsWith('%') ? Math.round((value / 100) * proxies) : Math.min(value, proxies - 1);
}

/** Prints the cost of a change of one trust domain among many, as a multiple of the cost among 10. */
function sayGrowth(): void {
  const groups = [...byDomains.values()].filter(
    (group) => group.length > 1 && group.some(({ domains }) => domains === 10),
  );
  if (groups.length === 0) return;
  say('', '## One trust domain among many: CPU a push, as a multiple of that among 10', '');
  say(
    'The secret that goes out is that of the changing trust domain, of the same size among any number.',
    '',
  );
  say(row('', ...contestants.map(({ name }) => name)), row('---', ...contestants.map(() => '---:')));
  for (const group of groups) {
    const base = group.find(({ domains }) => domains === 10)?.medians;
    for (const { title, medians } of group) {
      const multiples = medians.map(
        (one, index) => (one.pushCpu ?? Number.NaN) / (base?.[index]?.pushCpu ?? 0),
      );
      say(row(title, ...multiples.map((value) => value.toFixed(2))));
    }
  }
}

/** Draws plots of cost and time by number of proxies, next to the report. */
async function plot(one: Case, costs: readonly (readonly [number, readonly Medians[]])[]): Promise<void> {
  await mkdir(plots, { recursive: true });
  for (const [figure, yTitle] of [
    ['pushCpu', 'CPU per push with its ACK, us'],
    ['last', 'change to the last proxy, ms'],
  ] as const) {
    const file = `${slugOf(one, security)}-${figure}.svg`;
    const series = contestants.map(({ name }, index) => ({
      name,
      points: costs.map(([proxies, medians]) => [proxies, medians[index]?.[figure] ?? Number.NaN] as const),
    }));
    const title = `${yTitle}: ${titleOf(one, security)}`;
    await writeFile(new URL(file, plots), drawPlot({ title, xTitle: 'proxies', yTitle, series }));
    say('', `![${title}](plots/${file})`);
  }
}

/** Prints the medians of all runs, and returns them in the order of the contestants. */
async function compare(load: Load, content: Content): Promise<readonly Medians[]> {
  const costs = new Map<string, Cost[]>(contestants.map(({ name }) => [name, []]));
  for (let run = 0; run < Number(flags.runs); run += 1) {
    for (const contestant of contestants) {
      costs.get(contestant.name)?.push(await measure(contestant, content, load));
    }
  }
  say(
    row('', ...contestants.map(({ name }) => name), ...contestants.slice(1).map(() => 'ratio')),
    row('---', ...contestants.map(() => '---:'), ...contestants.slice(1).map(() => '---:')),
  );
  const all = contestants.map(({ name }) => mediansOf(costs.get(name) ?? []));
  for (const [figure, title] of figures) {
    const medians = all.map((one) => one[figure] ?? Number.NaN);
    if (medians.every((value) => Number.isNaN(value))) continue;
    // Each server relative to the last one.
    const theirs = medians.at(-1) ?? Number.NaN;
    const ratios = medians.slice(0, -1).map((ours) => (theirs > 0 ? (ours / theirs).toFixed(2) : ''));
    say(row(title, ...medians.map((value) => value.toFixed(value < 10 ? 1 : 0)), ...ratios));
  }
  return all;
}

function mediansOf(costs: readonly Cost[]): Medians {
  return Object.fromEntries(figures.map(([figure]) => [figure, medianOf(costs.map((cost) => cost[figure]))]));
}
