import { writeFile } from 'node:fs/promises';
import { machine, report, row, spread } from './kit.ts';
import { parseFile } from '../src/trust/model/parse-file.ts';
import type { SourceEvent } from '../src/trust/source.ts';
import { watchDirectory } from '../src/inputs/directory/watch-directory.ts';
import { createAnchorReader } from '../src/trust/x509/anchor-reader.ts';
import { makeCa, makeKey } from '../test/kit/certificates.ts';
import { meshTrustYaml } from '../test/kit/mesh-trust-text.ts';
import { poll } from '../test/kit/poll.ts';
import { makeTempDir } from '../test/kit/temp-dir.ts';

// Measures the cost of a rescan of 1,000 unchanged files, compared with reading and parsing them once. A rescan without
// changes must not cause a parse, an encoding or a push.

const count = 1000;
const rescans = 20;
const key = makeKey();
await using dir = await makeTempDir();
for (let index = 0; index < count; index++) {
  const { certPem } = makeCa({ commonName: `CA ${index}`, key });
  const text = meshTrustYaml({ name: `t${index}`, trustDomain: `d${index}.test`, pems: [certPem] });
  await writeFile(dir.join(`t${index}.yaml`), text);
}

const events: SourceEvent[] = [];
const before = process.cpuUsage();
// Rescans of a watched directory are one minute apart. Here they follow each other, so that they can be counted.
const source = watchDirectory({ roots: [dir.path], rescanMs: 50 }, (batch) => events.push(...batch));
await poll('the first complete read', () => events.some(({ kind }) => kind === 'synced') || undefined);
const reader = createAnchorReader();
for (const event of events) {
  if (event.kind === 'content') parseFile(event.path, event.text, { defaultMesh: 'default', reader });
}
const first = process.cpuUsage(before);
// Files that were just written cause another event when they have settled.
await new Promise((resolve) => setTimeout(resolve, 1000));
const settled = events.length;

const costs: number[] = [];
for (let index = 0; index < rescans; index++) {
  const start = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const { user, system } = process.cpuUsage(start);
  costs.push((user + system) / 1000);
}
await source.close();

const cost = spread(costs);
await report([
  `# A rescan of ${count} files without changes`,
  '',
  `${machine()}; ${rescans} spans of 100 ms with one or two rescans each (a running server makes one a minute).`,
  '',
  row('what', 'value'),
  row('---', '---'),
  row('first read and parse, ms of CPU', ((first.user + first.system) / 1000).toFixed(1)),
  row(
    '100 ms of rescans, ms of CPU: min, median, max',
    [cost.min, cost.median, cost.max].map((value) => value.toFixed(1)).join(', '),
  ),
  row('events after the first read', events.length - settled),
]);
