import { spread, cpuOf, machine } from './kit.ts';
import type { Holdings } from '../src/ledger/share.ts';
import { createMeshBuilder } from '../src/snapshot/mesh-builder.ts';
import type { MeshStates } from '../src/snapshot/mesh-builder.ts';
import { noPolicy, shareOf } from '../test/kit/bundles.ts';
import { makeCa } from '../test/kit/certificates.ts';

// What a change of one trust domain among 1,000 costs, beside building all of them from parsed resources.
// Both end with the encoded secret of all trust domains, as proxies get it. PEM and X.509 are left out of
// both: with them, building all would cost more still.

const count = 1000;
const rounds = 15;
const now = Date.now();
const shares = Array.from({ length: count }, (_, index) =>
  shareOf(`d${index}.test`, [makeCa({ commonName: `CA ${index}` })]),
);
const holdingsOf = (all: typeof shares): Holdings =>
  new Map([['default', new Map(all.map((share) => [share.trustDomain, [share]]))]]);
const base = holdingsOf(shares);
const changes = Array.from({ length: rounds + 3 }, (_, index) => {
  const changed = shareOf(`d${index}.test`, [makeCa({ commonName: `CA ${index} renewed` })]);
  return holdingsOf(shares.map((share, at) => (at === index ? changed : share)));
});

function encode(states: MeshStates): void {
  const body = states.get('default')?.secrets.secrets.get('system_trust_bundle')?.body;
  if (body === undefined || body.length < count * 500) throw new Error('the secret is not what it should be');
}

/** Encoded parts are kept by the bundle object, so that only new builders start from nothing. */
const all: number[] = [];
const one: number[] = [];
for (const [round, changed] of changes.entries()) {
  const builder = createMeshBuilder(noPolicy);
  const building = cpuOf(() => encode(builder.build(base, now)));
  const changing = cpuOf(() => encode(builder.build(changed, now)));
  if (round < 3) continue;
  all.push(building);
  one.push(changing);
}

const ratios = all.map((building, index) => (one[index] ?? Number.NaN) / building);
const [building, changing, ratio] = [spread(all), spread(one), spread(ratios)];
console.log(
  `# One of ${count} trust domains changes\n\n${machine()}; ${all.length} rounds, CPU of the process\n`,
);
console.log('what | min | median | max\n--- | --- | --- | ---');
console.log(
  `build all, ms | ${building.min.toFixed(2)} | ${building.median.toFixed(2)} | ${building.max.toFixed(2)}`,
);
console.log(
  `change one, ms | ${changing.min.toFixed(2)} | ${changing.median.toFixed(2)} | ${changing.max.toFixed(2)}`,
);
console.log(`ratio | ${ratio.min.toFixed(3)} | ${ratio.median.toFixed(3)} | ${ratio.max.toFixed(3)}`);
