import { readFile, writeFile } from 'node:fs/promises';
import { machine, spread } from './kit.ts';
import { makeCa, makeKey } from '../test/kit/certificates.ts';
import { meshTrustYaml } from '../test/kit/mesh-trust-text.ts';
import { startMeshtrust } from '../test/kit/meshtrust.ts';
import { makeTempDir } from '../test/kit/temp-dir.ts';

// The program's start with 10,000 MeshTrusts, a file and a certificate each, from the start of the process
// to the first 200 of /readyz, and the most memory that it had until then (VmHWM of Linux).

const count = 10_000;
const runs = 5;
// One key for many certificates: making keys would take longer than everything that is measured.
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
console.log(`# Start with ${count} MeshTrusts\n\n${machine()}; ${runs} runs\n`);
console.log('what | min | median | max\n--- | --- | --- | ---');
console.log(`ready after, s | ${time.min.toFixed(2)} | ${time.median.toFixed(2)} | ${time.max.toFixed(2)}`);
console.log(`memory, MB | ${memory.min.toFixed(0)} | ${memory.median.toFixed(0)} | ${memory.max.toFixed(0)}`);
