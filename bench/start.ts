import { readFile, writeFile } from 'node:fs/promises';
import { machine, report, row, spread } from './kit.ts';
import { makeCa, makeKey } from '../test/kit/certificates.ts';
import { meshTrustYaml } from '../test/kit/mesh-trust-text.ts';
import { startMeshtrust } from '../test/kit/meshtrust.ts';
import { makeTempDir } from '../test/kit/temp-dir.ts';

// Measures the start with 10,000 MeshTrusts, each with a file and a certificate: the time from the start of the process
// to the first 200 of /readyz, and the peak of memory until then (VmHWM of Linux).

const count = 10_000;
const runs = 5;
// One key for many certificates: generating keys would take longer than the measurement.
const keys = Array.from({ length: 50 }, () => makeKey());

await using dir = await makeTempDir();
for (let index = 0; index < count; index++) {
  const key = keys[index % keys.length] ?? makeKey();
  const ca = makeCa({ commonName: `CA ${index}`, key });
  const text = meshTrustYaml({
    name: `t${index}`,
    trustDomain: `d${index}.test`,
    pems: [ca.certPem],
    mesh: `mesh-${index % 10}`,
  });
  await writeFile(dir.join(`t${index}.yaml`), text);
}

const seconds: number[] = [];
const megabytes: number[] = [];
for (let run = 0; run < runs; run++) {
  const start = performance.now();
  await using meshtrust = await startMeshtrust({ dirs: [dir.path] });
  seconds.push((performance.now() - start) / 1000);
  const status = await readFile(`/proc/${meshtrust.pid}/status`, 'utf8');
  megabytes.push(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024);
}
const [time, memory] = [spread(seconds), spread(megabytes)];
await report([
  `# Start with ${count} MeshTrusts`,
  '',
  `${machine()}; ${runs} runs. From the start of the process to the first 200 of /readyz.`,
  '',
  row('what', 'min', 'median', 'max'),
  row('---', '---', '---', '---'),
  row('ready after, s', ...[time.min, time.median, time.max].map((value) => value.toFixed(2))),
  row('memory (VmHWM), MB', ...[memory.min, memory.median, memory.max].map((value) => value.toFixed(0))),
]);
