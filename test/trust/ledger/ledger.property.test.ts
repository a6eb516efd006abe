import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import type { LedgerEvent } from '../../../src/trust/ledger/ledger.ts';
import { makeCa } from '../../kit/certificates.ts';
import { gone, inForce, makeLedger, version } from '../../kit/ledger.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';

/** One document of a file. The name of an invalid document may be unreadable. */
type Doc =
  | {
      readonly kind: 'good';
      readonly name: string;
      readonly domain: string;
      readonly cas: readonly string[];
      readonly damaged: boolean;
    }
  | { readonly kind: 'invalid'; readonly name: string | undefined };

/** One observation of a file by a source. */
type Observation =
  | { readonly kind: 'version'; readonly docs: readonly Doc[]; readonly settled: boolean }
  | { readonly kind: 'syntax error' | 'unreadable' | 'gone' };

interface Step {
  readonly path: string;
  readonly seen: Observation;
}

const pems = new Map(['A', 'B', 'C'].map((commonName) => [commonName, makeCa({ commonName }).certPem]));
const damagedPem = makeCa().certPem.replace(/\n(.)/, '\n!');

const name = fc.constantFrom('x', 'y', 'z');
const doc: fc.Arbitrary<Doc> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('good' as const),
      name,
      domain: fc.constantFrom('a.test', 'b.test'),
      cas: fc.subarray([...pems.keys()], { minLength: 1 }),
      damaged: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('invalid' as const),
      name: fc.option(name, { nil: undefined }),
    }),
  },
);
const observation: fc.Arbitrary<Observation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('version' as const),
      // Each name occurs once in a file: no model rule covers duplicates.
      docs: fc.uniqueArray(doc, { minLength: 1, maxLength: 3, selector: (one) => one.name ?? '' }),
      settled: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ kind: 'syntax error' as const }, { kind: 'unreadable' as const }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'gone' as const }) },
);
const walk = fc.array(fc.record({ path: fc.constantFrom('1.yaml', '2.yaml'), seen: observation }), {
  minLength: 1,
  maxLength: 10,
});

function textOf(one: Doc): string {
  if (one.kind === 'invalid')
    return `type: MeshTrust\n${one.name === undefined ? '' : `name: ${one.name}\n`}spec: {}\n`;
  const good = one.cas.map((ca) => pems.get(ca) ?? '');
  return meshTrustYaml({
    name: one.name,
    trustDomain: one.domain,
    pems: one.damaged ? [...good, damagedPem] : good,
  });
}

function eventOf({ path, seen }: Step): LedgerEvent {
  switch (seen.kind) {
    case 'version':
      return version(path, seen.docs.map(textOf).join('---\n'), seen.settled);
    case 'syntax error':
      return version(path, `${textOf({ kind: 'invalid', name: 'x' })}---\n"`);
    case 'unreadable':
      return { kind: 'unreadable', path, reason: 'EIO' };
    case 'gone':
      return gone(path);
  }
}

/** The CAs of one resource in a file, in the naive model: `trust domain: common name`. */
interface Given {
  readonly cas: ReadonlySet<string>;
  /** The CAs of the last complete version without a damaged block. */
  readonly undamaged: ReadonlySet<string>;
  readonly settled: boolean;
}

const noCas: Given = { cas: new Set(), undamaged: new Set(), settled: false };

/**
 * The rules as plain sets. A complete version replaces everything that its damage cannot hide. A version that may be
 * incomplete only adds. An unreadable version changes nothing. Only the removal of the file removes all of its CAs.
 */
function after(file: ReadonlyMap<string, Given>, seen: Observation): ReadonlyMap<string, Given> {
  if (seen.kind === 'gone') return new Map();
  if (seen.kind !== 'version') return file;
  const { docs, settled } = seen;
  const next = new Map<string, Given>();
  for (const [resource, given] of file) {
    const hidden = docs.some((one) => one.kind === 'invalid' && (one.name ?? resource) === resource);
    if (hidden || !settled) next.set(resource, given);
  }
  for (const one of docs) {
    if (one.kind === 'invalid') continue;
    const before = file.get(one.name) ?? noCas;
    const listed = new Set(one.cas.map((ca) => `${one.domain}: ${ca}`));
    const undamaged = settled && !one.damaged ? listed : before.undamaged;
    const kept = [...(one.damaged ? undamaged : []), ...(settled ? [] : before.cas)];
    next.set(one.name, {
      cas: listed.union(new Set(kept)),
      undamaged,
      settled: settled || before.settled,
    });
  }
  return next;
}

/** The first settled file by path that has a resource defines it. Unsettled files before it only add. */
function allOf(files: ReadonlyMap<string, ReadonlyMap<string, Given>>): readonly string[] {
  const found = new Set<string>();
  for (const resource of ['x', 'y', 'z']) {
    for (const path of [...files.keys()].toSorted()) {
      const given = files.get(path)?.get(resource);
      for (const ca of given?.cas ?? []) found.add(ca);
      if (given?.settled === true) break;
    }
  }
  return [...found].sort();
}

/** Converts the lines of `inForce` to the form of the model. */
function casOf(lines: readonly string[]): readonly string[] {
  const each = lines.flatMap((line) => {
    const [where = '', names = ''] = line.split(': ');
    return names.split(' ').map((ca) => `${where.replace('default/', '')}: ${ca}`);
  });
  return [...new Set(each)].sort();
}

suite('ledger, random reads', () => {
  test('each step → in force is what the naive model expects', () => {
    fc.assert(
      fc.property(walk, (steps) => {
        const ledger = makeLedger(0);
        const files = new Map<string, ReadonlyMap<string, Given>>();
        for (const [index, step] of steps.entries()) {
          ledger.apply('files', [eventOf(step)], index);
          files.set(step.path, after(files.get(step.path) ?? new Map<string, Given>(), step.seen));
          assert.deepEqual(casOf(inForce(ledger)), allOf(files));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('events step by step or in one batch → the same result', () => {
    fc.assert(
      fc.property(walk, (steps) => {
        const [slow, fast] = [makeLedger(0), makeLedger(0)];
        for (const [index, step] of steps.entries()) slow.apply('files', [eventOf(step)], index);
        fast.apply('files', steps.map(eventOf), 0);
        assert.deepEqual(inForce(fast), inForce(slow));
      }),
    );
  });

  test('all files read complete and undamaged → the same result as a new ledger', () => {
    const complete = fc.uniqueArray(
      fc.record({
        kind: fc.constant('good' as const),
        name,
        domain: fc.constantFrom('a.test', 'b.test'),
        cas: fc.subarray([...pems.keys()], { minLength: 1 }),
        damaged: fc.constant(false),
      }),
      { minLength: 1, maxLength: 3, selector: (one) => one.name },
    );
    fc.assert(
      fc.property(walk, complete, complete, (steps, first, second) => {
        const [old, fresh] = [makeLedger(0), makeLedger(0)];
        for (const [index, step] of steps.entries()) old.apply('files', [eventOf(step)], index);
        const last = [first, second].map((docs, index) =>
          eventOf({ path: `${index + 1}.yaml`, seen: { kind: 'version', docs, settled: true } }),
        );
        old.apply('files', last, steps.length);
        fresh.apply('files', last.toReversed(), 0);
        assert.deepEqual(inForce(old), inForce(fresh));
      }),
    );
  });
});
