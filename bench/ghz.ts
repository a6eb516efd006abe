/**
 * What one call costs, seen by ghz, which knows the server by its reflection alone:
 *
 *     node bench/ghz.ts [--write]     --write: into bench/ghz.md
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { installGhz } from '../scripts/install-ghz.ts';
import { startMeshtrust } from '../test/kit/meshtrust.ts';
import type { Meshtrust } from '../test/kit/meshtrust.ts';
import { machine, report, row } from './kit.ts';

const run = promisify(execFile);
const typeUrl = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
const sotw = JSON.stringify({ node: { id: 'ghz' }, type_url: typeUrl, resource_names: ['ALL'] });
const delta = JSON.stringify({ node: { id: 'ghz' }, type_url: typeUrl, resource_names_subscribe: ['ALL'] });
const sds = 'envoy.service.secret.v3.SecretDiscoveryService';
const ads = 'envoy.service.discovery.v3.AggregatedDiscoveryService';

const calls = [
  [`${sds}.FetchSecrets`, sotw],
  [`${sds}.StreamSecrets`, sotw],
  [`${sds}.DeltaSecrets`, delta],
  [`${ads}.StreamAggregatedResources`, sotw],
  [`${ads}.DeltaAggregatedResources`, delta],
  ['grpc.health.v1.Health.Check', '{}'],
] as const;

/** The calls whose whole command is shown. */
const shown = calls.filter(([call]) => /FetchSecrets|StreamSecrets|DeltaAggregated/.test(call));
const load = ['-n', '20000', '-c', '50', '--connections', '10'];

interface Report {
  readonly count: number;
  readonly rps: number;
  /** Nanoseconds. */
  readonly latencyDistribution: readonly { readonly percentage: number; readonly latency: number }[];
  readonly statusCodeDistribution: Readonly<Record<string, number>>;
}

async function callWith(ghz: string, address: string, call: string, data: string): Promise<Report> {
  const args = ['--insecure', '--call', call, ...load, '-d', data, '-O', 'json', address];
  const { stdout } = await run(ghz, args, { maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout) as Report;
}

function commandOf(call: string, data: string): string {
  return `ghz --insecure --call ${call} ${load.join(' ')} \\\n  -d '${data}' \\\n  127.0.0.1:5678`;
}

/** CPU seconds that the server has used; the counters are brought up to date by a scrape. */
async function cpuOf(server: Meshtrust): Promise<number> {
  return (await server.metric('process_cpu_seconds_total')).get('') ?? NaN;
}

async function measure(): Promise<readonly string[]> {
  const ghz = await installGhz();
  const trust = fileURLToPath(new URL('../examples/trust', import.meta.url));
  await using server = await startMeshtrust({ dirs: [trust] });
  const address = `127.0.0.1:${server.xdsPort}`;
  const rows: string[] = [];
  for (const [call, data] of calls) {
    await run(ghz, [
      '--insecure',
      '--call',
      call,
      '-n',
      '2000',
      '-c',
      '50',
      '-d',
      data,
      '-O',
      'json',
      address,
    ]);
    const before = await cpuOf(server);
    const measured = await callWith(ghz, address, call, data);
    const cpu = ((await cpuOf(server)) - before) / measured.count;
    const ok = measured.statusCodeDistribution['OK'] ?? 0;
    if (ok !== measured.count) throw new Error(`${call}: ${JSON.stringify(measured.statusCodeDistribution)}`);
    const at = (percentage: number): string => {
      const found = measured.latencyDistribution.find((entry) => entry.percentage === percentage);
      return ((found?.latency ?? NaN) / 1e6).toFixed(2);
    };
    const numbers = [measured.rps.toFixed(0), at(50), at(95), at(99), (cpu * 1e6).toFixed(0)];
    rows.push(row(`\`${call.split('.').slice(-2).join('.')}\``, ...numbers));
  }
  return rows;
}

await report([
  '# ghz',
  '',
  "ghz needs no proto files: it asks the server's reflection. `node scripts/install-ghz.ts` builds it into",
  '`.cache/bin` (with Go, from the module proxy). With the server running (`npm start`):',
  '',
  ...shown.flatMap(([call, data]) => ['```sh', commandOf(call, data), '```', '']),
  '## What they gave',
  '',
  `${machine()}; ghz and the server share the cores.`,
  '`examples/trust`; 20,000 calls, 50 at a time over 10 connections, after 2,000 that do not count.',
  'A call of a streaming method is a whole stream: opened, subscribed, answered, closed. That is the',
  'dearest way to use it, and not what proxies do, whose streams stay open.',
  '',
  row('method', 'calls/s', 'p50 ms', 'p95 ms', 'p99 ms', 'server CPU us/call'),
  row('---', '---:', '---:', '---:', '---:', '---:'),
  ...(await measure()),
]);
