import { machine, percentile, report, row } from './kit.ts';
import { answerReview } from '../src/kubernetes/webhook/core/answer-review.ts';
import type { CheckContext } from '../src/kubernetes/webhook/core/check-change.ts';
import { makeCa, makeKey } from '../test/kit/certificates.ts';
import { object, review, servingAll } from '../test/kubernetes/webhook/reviews.ts';

// Measures the time of a review by the admission webhook in the event loop, with many trust domains in force. Reviews
// must not delay the proxies that the same process serves.

const rounds = 300;
const key = makeKey();
const pem = (name: string): string => makeCa({ commonName: name, key }).certPem;
/** Numbers of trust domains and of meshes. The last case exceeds the maximum size of a secret. */
const sizes = [
  [100, 1],
  [5000, 10],
  [5000, 1],
] as const;
const fresh = Array.from({ length: rounds }, (_, index) => pem(`new ${index}`));
const bundle = Array.from({ length: 100 }, (_, index) => pem(`one of a hundred ${index}`)).join('');
const damaged = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

interface Case {
  readonly what: string;
  readonly request: (index: number, old: object) => Parameters<typeof review>[0];
}

/** All reviewed objects belong to one mesh: each tenth or all of the first hundred objects. */
const mesh = 'm0';
const reviewed = (index: number): number => (index % 10) * 10;
const nameOf = (index: number): string => `d${index}.test`;
const create = (pems: string): ReturnType<Case['request']> => ({
  operation: 'CREATE',
  object: object({ name: 'new.test', mesh, pems: [pems] }),
});
const cases: readonly Case[] = [
  { what: 'a new object with one CA', request: (index) => create(fresh[index]!) },
  { what: 'a new object with 100 CAs, seen before', request: () => create(bundle) },
  { what: 'a new object that is refused', request: () => create(damaged) },
  {
    what: 'an object whose CA is replaced',
    request: (index, oldObject) => {
      const next = object({ name: nameOf(reviewed(index)), mesh, pems: [fresh[index]!] });
      return { operation: 'UPDATE', oldObject, object: next };
    },
  },
  { what: 'a deletion', request: (_, oldObject) => ({ operation: 'DELETE', oldObject }) },
];

function measure({ request }: Case, objects: readonly object[], context: CheckContext): readonly number[] {
  const times: number[] = [];
  for (let index = 0; index < rounds; index++) {
    const body = JSON.stringify(review(request(index, objects[reviewed(index)]!)));
    const start = performance.now();
    JSON.stringify(answerReview(JSON.parse(body), context));
    times.push(performance.now() - start);
  }
  // Warm-up: V8 compiles the code.
  return times.slice(rounds / 10);
}

const rows: string[] = [];
for (const [count, meshes] of sizes) {
  const objects = Array.from({ length: count }, (_, index) =>
    object({ name: nameOf(index), mesh: `m${index % meshes}`, pems: [pem(`CA ${index}`)] }),
  );
  const context = { ...servingAll(objects), now: Date.now() };
  for (const one of cases) {
    const times = measure(one, objects, context);
    const [p50 = '', p99 = ''] = [0.5, 0.99].map((share) => percentile(times, share).toFixed(2));
    rows.push(row(one.what, `${count} in ${meshes}`, p50, p99));
  }
}

await report([
  '# The time of a review by the admission webhook',
  '',
  `${machine()}; ${rounds} reviews each, from the text of the request to the text of the answer.`,
  '',
  row('review of', 'trust domains in meshes', 'p50, ms', 'p99, ms'),
  row('---', '---:', '---:', '---:'),
  ...rows,
  '',
  'All times are in the event loop that also serves proxies. Small and large reviews get an eighth of its time each,',
  'and half a second at once. A review that waits longer than 2 s gets 503; with `failurePolicy: Ignore` the change applies.',
]);
