import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { guard, initialGuard, lossWindow } from '../../../src/trust/ledger/guard.ts';
import type { GuardState } from '../../../src/trust/ledger/guard.ts';
import type { Holdings, Share } from '../../../src/trust/ledger/share.ts';
import type { Identity, TrustDomain } from '../../../src/trust/model/mesh-trust.ts';
import type { GoneEvidence } from '../../../src/trust/source.ts';

const mesh = 'default';
const holdMs = 30_000;

/** All shares of a source, as `trust domain/resource`: four trust domains with two resources each. */
const everything = [0, 1, 2, 3].flatMap((domain) => [`d${domain}/x`, `d${domain}/y`]);
/** The guard compares shares by object identity, so each share exists once. */
const shareOf = new Map(
  everything.map((text): [string, Share] => {
    const trustDomain = text.slice(0, 2) as TrustDomain;
    return [text, { mesh, trustDomain, identity: text as Identity, anchors: [] }];
  }),
);

function holdingsOf(texts: readonly string[]): Holdings {
  const shares = texts.flatMap((text) => shareOf.get(text) ?? []);
  return shares.length === 0
    ? new Map()
    : new Map([[mesh, Map.groupBy(shares, ({ trustDomain }) => trustDomain)]]);
}

function textsOf(holdings: Holdings): readonly string[] {
  return [...(holdings.get(mesh) ?? new Map<TrustDomain, readonly Share[]>()).values()]
    .flat()
    .map(({ identity }) => identity)
    .sort();
}

interface Step {
  readonly after: number;
  readonly current: readonly string[];
  readonly gone: readonly GoneEvidence[];
}

const step: fc.Arbitrary<Step> = fc.record({
  after: fc.constantFrom(0, 1, 50, 999, 1999, 2000, 15_000, 29_999, 30_000),
  current: fc.subarray(everything),
  gone: fc.array(fc.constantFrom<GoneEvidence>('deletion', 'absence'), { maxLength: 2 }),
});
const steps = fc.array(step, { minLength: 1, maxLength: 12 });

interface Trace {
  readonly now: number;
  readonly current: readonly string[];
  readonly inForce: readonly string[];
  readonly held: ReadonlySet<string>;
}

function run(all: readonly Step[]): { readonly traces: readonly Trace[]; readonly state: GuardState } {
  let state = initialGuard;
  let now = 0;
  const traces = all.map(({ after, current, gone }): Trace => {
    now += after;
    const result = guard(state, {
      holdings: holdingsOf(current),
      removals: new Map([[mesh, gone]]),
      now,
      holdMs,
    });
    ({ state } = result);
    const held = new Set(result.held.map(({ trustDomain }): string => trustDomain));
    return { now, current: [...current].sort(), inForce: textsOf(result.holdings), held };
  });
  return { traces, state };
}

const domainsOf = (texts: readonly string[]): ReadonlySet<string> =>
  new Set(texts.map((text) => text.slice(0, 2)));

suite('mass-loss guard, random steps', () => {
  test('share that the source has → in force', () => {
    fc.assert(
      fc.property(steps, (all) => {
        for (const { current, inForce } of run(all).traces)
          assert.deepEqual(
            current.filter((text) => !inForce.includes(text)),
            [],
          );
      }),
    );
  });

  test('share that only the guard keeps → was in the source within the hold and the window, and its trust domain is reported as held', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { traces } = run(all);
        for (const [index, { now, current, inForce, held }] of traces.entries()) {
          const added = inForce.filter((text) => !current.includes(text));
          assert.deepEqual(domainsOf(added), held);
          // The source last had a share at the step before the one in which it was missing.
          const recent = traces
            .slice(0, index)
            .filter((_, at) => now - (traces[at + 1]?.now ?? now) < holdMs + lossWindow);
          for (const text of added)
            assert.ok(
              recent.some((trace) => trace.current.includes(text)),
              text,
            );
        }
      }),
    );
  });

  test('one step removes more than half of the trust domains, or all → they are held as they were', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { traces } = run(all);
        for (const [index, { current, inForce }] of traces.entries()) {
          const before = traces[index - 1];
          if (before === undefined) continue;
          const [domainsBefore, domainsNow] = [domainsOf(before.current), domainsOf(current)];
          const lost = before.current.filter((text) => !domainsNow.has(text.slice(0, 2)));
          // A new trust domain does not offset a loss; a returning one may.
          const seen = domainsOf(traces.slice(0, index).flatMap((trace) => trace.current));
          const back = [...domainsNow].filter((name) => seen.has(name));
          const total = new Set([...domainsBefore, ...before.held, ...back]).size;
          const isMass = domainsOf(lost).size * 2 > total;
          const isOneDeletion =
            total === 1 && all[index]?.gone.length === 1 && all[index].gone[0] === 'deletion';
          if (!isMass || isOneDeletion) continue;
          assert.deepEqual(
            lost.filter((text) => !inForce.includes(text)),
            [],
          );
        }
      }),
    );
  });

  test('source without changes for the hold → exactly its shares are in force', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const last = all.at(-1);
        assert.ok(last !== undefined);
        const { traces } = run([
          ...all,
          { ...last, after: 1, gone: [] },
          { ...last, after: holdMs, gone: [] },
        ]);
        const end = traces.at(-1);
        assert.deepEqual(end?.inForce, end?.current);
        assert.equal(end?.held.size, 0);
      }),
    );
  });

  test('mesh without shares, hold and window are over → no state is left', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const nothing = { current: [], gone: [] };
        assert.equal(run([...all, { ...nothing, after: 1 }, { ...nothing, after: holdMs }]).state.size, 0);
      }),
    );
  });
});
