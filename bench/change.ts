import { cpuOf, machine, report, row, spread } from './kit.ts';
import type { Holdings } from '../src/trust/ledger/share.ts';
import { createMeshBuilder } from '../src/trust/snapshot/mesh-builder.ts';
import type { MeshStates } from '../src/trust/snapshot/mesh-builder.ts';
import { noPolicy, shareOf } from '../test/kit/bundles.ts';
import { makeCa } from '../test/kit/certificates.ts';

// Measures the cost of a change of one trust domain among 1,000, compared with building all of them from parsed
// resources. Both end with the encoded secret of all trust domains. Both exclude PEM and X.509, which would make
// building all even more expensive.

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

/** Encoded parts are cached by the bundle object, so only new builders start without a cache. */
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
const cells = ({ min, median, max }: typeof ratio, digits: number): readonly string[] =>
  [min, median, max].map((value) => value.toFixed(digits));
await report([
  `# One of ${count} trust domains changes`,
  '',
  `${machine()}; ${all.length} rounds, CPU of the process. Both end with the encoded secret of all trust domains;`,
  'both begin with parsed resources, so neither includes PEM and X.509.',
  '',
  row('what', 'min', 'median', 'max'),
  row('---', '---', '---', '---'),
  row('build all, ms', ...cells(building, 2)),
  row('change one, ms', ...cells(changing, 2)),
  row('ratio', ...cells(ratio, 3)),
]);
