// Tries certificates with every oddity in every place, and many random chains, policies, name constraints and
// signatures, with both Envoys, and compares their decisions with those of `verify`. Writes the result to a file.
// Exits with 1 if a decision differs. `--cases` is the number of random cases.
// Usage: npm run test:envoy:odd -- [--cases 3000] [--seed 1] [--out bench/odd-certificates.json]
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { compareOdd } from '../test/e2e/envoy/compare-odd.ts';
import type { Disagreement } from '../test/e2e/envoy/compare-odd.ts';
import { findEnvoy } from '../test/kit/find-envoy.ts';
import { allShapes, oddCases } from '../test/trust/verify/odd-cases.ts';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '3000' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: 'bench/odd-certificates.json' },
  },
});

/** Cases of one Envoy: its list of CA names must stay below 64 KiB. */
const batch = 200;

const found = await Promise.all([findEnvoy('newest'), findEnvoy('oldest')]);
const binaries = found.flatMap((one) => (one.kind === 'found' ? [one] : []));
if (binaries.length < 2) throw new Error('both Envoys are required');
const seed = Number(values.seed);
const cases = [...allShapes(seed), ...oddCases(seed, Number(values.cases))];
const count = cases.length;
const disagreements: Disagreement[] = [];
let [admitted, differing] = [0, 0];
for (let at = 0; at < count; at += batch) {
  const result = await compareOdd(cases.slice(at, at + batch), binaries);
  disagreements.push(...result.disagreements);
  admitted += result.admitted;
  differing += result.differing;
  console.log(`${Math.min(at + batch, count)} of ${count} cases, ${disagreements.length} disagreements`);
}
const report = {
  envoys: binaries.map(({ version }) => version),
  seed,
  cases: count,
  admitted,
  /** Cases that the two Envoys decide differently, as `verify` says they do. */
  differing,
  disagreements,
};
await writeFile(values.out, `${JSON.stringify(report, null, 2)}\n`);
console.log(`wrote ${values.out}`);
process.exitCode = disagreements.length > 0 ? 1 : 0;
