import { rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { machine, percentile, report, row } from './kit.ts';
import { binaries } from '../test/kit/both-envoys.ts';
import { makeDomain } from '../test/kit/domain.ts';
import { transports } from '../test/kit/envoy-bootstrap.ts';
import { startEnvoy } from '../test/kit/envoy.ts';
import { startMeshtrust } from '../test/kit/meshtrust.ts';
import { makeTempDir } from '../test/kit/temp-dir.ts';
import { untilDecision } from '../test/kit/tls-client.ts';

// Measures the time from a file that is renamed into place to the new decision of a real Envoy, and from its deletion
// to the refusal. The time starts before the rename and ends with the first handshake that has the new decision. A
// probe is a TLS 1.3 handshake with a request; probes follow each other without a pause. The probe that is in progress
// during the change may have the old decision, so each figure includes up to one additional probe.

const rounds = 100;
const warmUp = 5;
/** Pause between changes: a change within 50 ms of another is part of a burst, and waits for its end. */
const pauseMs = 150;
const standing = makeDomain('standing.test');
const domain = makeDomain('changing.test');
const client = domain.client;

const rows: string[] = [];
for (const { path, version } of binaries) {
  for (const transport of transports) await measure(path, version, transport);
}
await report([
  '# From a file to a decision',
  '',
  `${machine()}; ${rounds} rounds for each Envoy, one Envoy at a time, ${pauseMs} ms between changes. A probe is a`,
  'TLS 1.3 handshake with a request. The time includes the probe that was in progress at the change. A',
  'removal waits 100 ms for the file to return, because editors and git delete files and create them again.',
  '',
  row('Envoy', 'change', 'p50, ms', 'p99, ms', 'max, ms'),
  row('---', '---', '---', '---', '---'),
  ...rows,
]);

async function measure(path: string, version: string, transport: (typeof transports)[number]): Promise<void> {
  await using dir = await makeTempDir();
  await writeFile(dir.join('standing.yaml'), standing.yaml());
  await using meshtrust = await startMeshtrust({ dirs: [dir.path] });
  await using envoy = await startEnvoy({ path, transport, xdsPort: meshtrust.xdsPort });
  const added: number[] = [];
  const removed: number[] = [];
  for (let round = 0; round < warmUp + rounds; round++) {
    const [hidden, shown] = [dir.join('.changing'), dir.join('changing.yaml')];
    await writeFile(hidden, domain.yaml());
    await setTimeout(pauseMs);
    const start = performance.now();
    await rename(hidden, shown);
    await untilDecision(envoy.port, client, 'accepted');
    const shownAfter = performance.now() - start;
    await setTimeout(pauseMs);
    const middle = performance.now();
    await rm(shown);
    await untilDecision(envoy.port, client, 'refused');
    if (round < warmUp) continue;
    added.push(shownAfter);
    removed.push(performance.now() - middle);
  }
  for (const [change, times] of [
    ['renamed into place', added],
    ['removed', removed],
  ] as const) {
    const figures = [0.5, 0.99, 1].map((share) => percentile(times, share).toFixed(1));
    rows.push(row(`${version} ${transport}`, change, ...figures));
  }
}
