import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { LedgerEvent } from '../../../src/trust/ledger/ledger.ts';
import { makeCa } from '../../kit/certificates.ts';
import { gone, inForce, makeLedger, version } from '../../kit/ledger.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';

/** One document of a file. An invalid one has a name, or none that can be read. */
type Doc =
  | {
      readonly kind: 'good';
      readonly name: string;
      readonly domain: string;
      readonly cas: readonly string[];
      readonly damaged: boolean;
    }
  | { readonly kind: 'invalid'; readonly name: string | undefined };

/** What a source tells of a file. */
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
      // A file has each name once: which of two counts is a case of its own below.
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

/** What a file gives of a resource, in the naive model: authorities as `trust domain: common name`. */
interface Given {
  readonly authorities: ReadonlySet<string>;
  /** Those of the last complete version without a damaged block. */
  readonly undamaged: ReadonlySet<string>;
  readonly settled: boolean;
}

const nobody: Given = { authorities: new Set(), undamaged: new Set(), settled: false };

/**
 * The rules in plain sets: a complete version says what there is, but for what its damage can hide; one that
 * may be incomplete only adds; one that cannot be read says nothing; only a file that is gone takes all away.
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
    const before = file.get(one.name) ?? nobody;
    const listed = new Set(one.cas.map((ca) => `${one.domain}: ${ca}`));
    const undamaged = settled && !one.damaged ? listed : before.undamaged;
    const kept = [...(one.damaged ? undamaged : []), ...(settled ? [] : before.authorities)];
    next.set(one.name, {
      authorities: listed.union(new Set(kept)),
      undamaged,
      settled: settled || before.settled,
    });
  }
  return next;
}

/** The first file by path that has a resource defines it; those that may be incomplete are no reason to stop. */
function allOf(files: ReadonlyMap<string, ReadonlyMap<string, Given>>): readonly string[] {
  const found = new Set<string>();
  for (const resource of ['x', 'y', 'z']) {
    for (const path of [...files.keys()].toSorted()) {
      const given = files.get(path)?.get(resource);
      for (const authority of given?.authorities ?? []) found.add(authority);
      if (given?.settled === true) break;
    }
  }
  return [...found].sort();
}

/** What the ledger has in force, in the words of the model. */
function authoritiesOf(lines: readonly string[]): readonly string[] {
  const each = lines.flatMap((line) => {
    const [where = '', names = ''] = line.split(': ');
    return names.split(' ').map((ca) => `${where.replace('default/', '')}: ${ca}`);
  });
  return [...new Set(each)].sort();
}

describe('the ledger, whatever is read in whatever state', () => {
  it('has in force what the rules say, after each step', () => {
    fc.assert(
      fc.property(walk, (steps) => {
        const ledger = makeLedger(0);
        const files = new Map<string, ReadonlyMap<string, Given>>();
        for (const [index, step] of steps.entries()) {
          ledger.apply('files', [eventOf(step)], index);
          files.set(step.path, after(files.get(step.path) ?? new Map<string, Given>(), step.seen));
          assert.deepEqual(authoritiesOf(inForce(ledger)), allOf(files));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('ends with the same, whether it is told step by step or at once', () => {
    fc.assert(
      fc.property(walk, (steps) => {
        const [slow, fast] = [makeLedger(0), makeLedger(0)];
        for (const [index, step] of steps.entries()) slow.apply('files', [eventOf(step)], index);
        fast.apply('files', steps.map(eventOf), 0);
        assert.deepEqual(inForce(fast), inForce(slow));
      }),
    );
  });

  it('has in force, once all files were read complete and undamaged, what a new one has that reads them', () => {
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
