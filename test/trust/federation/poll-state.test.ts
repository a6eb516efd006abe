import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  afterFailure,
  afterSuccess,
  bundleInForce,
  firstPollState,
  isBootstrapNew,
  withoutSequence,
  withRelationship,
} from '../../../src/trust/federation/poll-state.ts';
import { isNewResult, nextPollMs, pollStatus } from '../../../src/trust/federation/poll-view.ts';
import type { PollState } from '../../../src/trust/federation/poll-state.ts';
import type { PollTimes } from '../../../src/trust/federation/poll-view.ts';
import { decodeStoredBundle, encodeStoredBundle } from '../../../src/trust/federation/stored-bundle.ts';
import type { StoredBundle } from '../../../src/trust/federation/stored-bundle.ts';
import type { TrustDomain } from '../../../src/trust/model/mesh-trust.ts';
import { bundleDocument, bundleKey } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';
import { makeRelationship, peerDomain, readDocument } from '../../kit/federation.ts';

const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const now = Date.UTC(2026, 10, 22);

const bootstrap = readDocument(bundleDocument([a]));
const relationship = makeRelationship({ bootstrap });
const documentOf = (cas: readonly (typeof a)[], sequence: number) =>
  readDocument(bundleDocument(cas, { sequence, refreshHint: 60 }));
const one = documentOf([a], 5);
const two = documentOf([a, b], 6);
const lower = documentOf([b], 1);
const empty = documentOf([], 7);
const damagedKey = { kind: 'damaged', key: 0 } as const;
const refused = { reason: 'connect', message: 'connection refused' } as const;

const stored: StoredBundle = {
  mesh: 'default',
  trustDomain: peerDomain,
  url: relationship.url,
  etag: '"1"',
  fetchedAt: now,
  bootstrapDigest: undefined,
  document: one,
};

const first = firstPollState(relationship, undefined);
/** The state after a first success at `now`. */
const fetched = afterSuccess(first, { document: one, etag: '"1"' }, now).state;

suite('bundle in force', () => {
  const restored = firstPollState(relationship, stored);
  const emptyOnce = afterSuccess(first, { document: empty, etag: undefined }, now).state;
  const cases: Readonly<Record<string, readonly [PollState, typeof one | undefined, origin: string]>> = {
    'nothing yet, without bootstrap bundle': [
      firstPollState(makeRelationship(), undefined),
      undefined,
      'none',
    ],
    'bootstrap bundle': [first, bootstrap, 'bootstrap'],
    'stored bundle': [restored, one, 'restored'],
    'stored bundle, confirmed': [afterSuccess(restored, undefined, now).state, one, 'fetched'],
    'stored bundle, other document held': [
      afterSuccess(restored, { document: lower, etag: undefined }, now).state,
      one,
      'restored',
    ],
    'fetched bundle': [fetched, one, 'fetched'],
    failure: [afterFailure(fetched, refused, now + hour, 0), one, 'fetched'],
    'bundle that is too old': [afterFailure(fetched, refused, now + hour, hour), undefined, 'none'],
    'first bundle without certificates': [emptyOnce, bootstrap, 'bootstrap'],
    'first bundle without certificates, confirmed': [
      afterSuccess(emptyOnce, { document: empty, etag: undefined }, now + minute).state,
      undefined,
      'none',
    ],
    'stored bundle without a usable key': [
      firstPollState(relationship, { ...stored, document: { ...one, certificates: [damagedKey] } }),
      bootstrap,
      'bootstrap',
    ],
  };
  for (const [name, [state, document, origin]] of Object.entries(cases))
    test(name, () => {
      assert.equal(bundleInForce(state), document);
      const limits = { minIntervalMs: second, maxIntervalMs: hour };
      assert.equal(pollStatus(state, limits, undefined).origin, origin);
    });
});

suite('first state', () => {
  test('stored bundle of the same URL: its ETag is used', () =>
    assert.equal(firstPollState(relationship, stored).etag, '"1"'));
  test('stored bundle of another URL: its ETag is not used', () =>
    assert.equal(
      firstPollState(relationship, { ...stored, url: 'https://elsewhere.test/' }).etag,
      undefined,
    ));
});

suite('relationship', () => {
  const state = { ...fetched, failures: 3 };
  const webProfile = { kind: 'https_web' } as const;
  const cases = {
    'same resource': [{ ...relationship, place: { file: 'moved.yaml', line: 9 } }, 'none', 3, '"1"'],
    'other name': [{ ...relationship, name: 'renamed' }, 'resource', 3, '"1"'],
    'equal bootstrap bundle': [
      { ...relationship, bootstrap: readDocument(bundleDocument([a])) },
      'resource',
      3,
      '"1"',
    ],
    'other bootstrap bundle': [{ ...relationship, bootstrap: two }, 'endpoint', 0, '"1"'],
    'without bootstrap bundle': [{ ...relationship, bootstrap: undefined }, 'endpoint', 0, '"1"'],
    'other profile': [{ ...relationship, profile: webProfile }, 'endpoint', 0, '"1"'],
    'other URL': [{ ...relationship, url: 'https://elsewhere.test/' }, 'endpoint', 0, undefined],
  } as const;
  for (const [name, [next, change, failures, etag]] of Object.entries(cases))
    test(`${name}: ${change}`, () => {
      const result = withRelationship(state, next);
      assert.equal(result.change, change);
      assert.equal(result.state.relationship, next);
      assert.equal(result.state.failures, failures);
      assert.equal(result.state.etag, etag);
      assert.equal(result.state.memory, state.memory);
    });

  test('bootstrap bundle that is edited: is new until the next success', () => {
    assert.equal(isBootstrapNew(fetched), false);
    const edited = withRelationship(fetched, { ...relationship, bootstrap: two }).state;
    assert.equal(isBootstrapNew(edited), true);
    assert.equal(isBootstrapNew(afterFailure(edited, refused, now, 0)), true);
    const heldThen = afterSuccess(edited, { document: lower, etag: undefined }, now).state;
    assert.equal(isBootstrapNew(heldThen), true, 'a held document is no success');
    assert.equal(isBootstrapNew(afterSuccess(edited, undefined, now).state), false);
  });
});

suite('success', () => {
  const later = now + minute;

  test('held document: only the time and the failures change', () => {
    const failed = afterFailure(fetched, refused, now, 0);
    const { state, effect, toStore } = afterSuccess(failed, { document: lower, etag: '"low"' }, later);
    assert.equal(effect, 'hold');
    assert.equal(toStore, undefined);
    const { memory, ...rest } = state;
    assert.equal(memory.applied, one);
    assert.equal(memory.held?.kind, 'lower-sequence');
    assert.deepEqual({ ...rest, memory: fetched.memory }, { ...fetched, lastSuccessAt: later });
  });

  test('unchanged: ends the hold and keeps the ETag', () => {
    const held = afterSuccess(fetched, { document: lower, etag: '"low"' }, later).state;
    const { state, effect } = afterSuccess(held, undefined, later);
    assert.equal(effect, 'unchanged');
    assert.equal(state.memory.held, undefined);
    assert.equal(state.etag, '"1"');
  });

  const stores: Readonly<
    Record<
      string,
      readonly [
        PollState,
        Parameters<typeof afterSuccess>[1],
        at: number,
        isStored: boolean,
        maxAgeMs?: number,
      ]
    >
  > = {
    'first document': [first, { document: one, etag: undefined }, now, true],
    'first response without a document': [first, undefined, now, false],
    'other content': [fetched, { document: two, etag: undefined }, later, true],
    'same content': [fetched, { document: one, etag: undefined }, later, false],
    'same content with a higher sequence': [
      fetched,
      { document: documentOf([a], 9), etag: undefined },
      later,
      true,
    ],
    'no change for almost an hour': [fetched, undefined, now + hour - 1, false],
    'no change for an hour': [fetched, undefined, now + hour, true],
    'no change for almost a tenth of the greatest age': [
      fetched,
      undefined,
      now + 3 * minute - 1,
      false,
      30 * minute,
    ],
    'no change for a tenth of the greatest age': [fetched, undefined, now + 3 * minute, true, 30 * minute],
    'no change for an hour, with a great age': [fetched, undefined, now + hour, true, 72 * hour],
    'no change, edited bootstrap bundle': [
      withRelationship(fetched, { ...relationship, bootstrap: two }).state,
      undefined,
      later,
      true,
    ],
    'held document after an hour': [fetched, { document: lower, etag: undefined }, now + hour, false],
  };
  for (const [name, [state, bundle, at, isStored, maxAgeMs = 0]] of Object.entries(stores))
    test(`${name}: ${isStored ? 'is' : 'is not'} stored`, () => {
      const success = afterSuccess(state, bundle, at, maxAgeMs);
      assert.equal(success.toStore?.fetchedAt, isStored ? at : undefined);
      assert.equal(success.state.storedAt, isStored ? at : state.storedAt);
      if (success.toStore !== undefined) {
        assert.equal(success.toStore.document, success.state.memory.applied);
        assert.equal(success.toStore.etag, success.state.etag);
        assert.equal(success.toStore.bootstrapDigest, success.state.bootstrapAtSuccess);
      }
    });

  test('sequence that begins again: a lower one applies at once', () => {
    const { effect } = afterSuccess(withoutSequence(fetched), { document: lower, etag: undefined }, later);
    assert.equal(effect, 'apply');
    assert.equal(withoutSequence(first), first, 'without a bundle there is no sequence');
  });
});

suite('damaged keys beside good ones', () => {
  const key = bundleKey(a);
  /** The key of `a` is damaged. */
  const half = readDocument({ keys: [{ ...key, x5c: ['!'] }, bundleKey(b)] });
  const after = (state: PollState, document: typeof one) =>
    afterSuccess(state, { document, etag: undefined }, now).state;
  const cases: Readonly<Record<string, readonly [PollState, typeof one | undefined]>> = {
    'no damage': [after(fetched, two), undefined],
    'damage: the bundle before it is retained': [after(fetched, half), one],
    'damage in the first bundle: the bootstrap bundle is retained': [after(first, half), bootstrap],
    'damage again: the last undamaged one is retained': [after(after(fetched, half), half), one],
    'no document': [afterSuccess(after(fetched, half), undefined, now).state, one],
    'no damage any more: nothing is retained': [after(after(fetched, half), two), undefined],
    'confirmed withdrawal: nothing is retained': [
      afterSuccess(after(after(fetched, half), empty), { document: empty, etag: undefined }, now + minute)
        .state,
      undefined,
    ],
  };
  for (const [name, [state, retained]] of Object.entries(cases))
    test(name, () => assert.equal(state.retained, retained));

  test('retained bundle: is stored, and restored', () => {
    const { toStore } = afterSuccess(fetched, { document: half, etag: undefined }, now);
    assert.ok(toStore !== undefined);
    const restored = firstPollState(relationship, decodeStoredBundle(encodeStoredBundle(toStore)));
    assert.deepEqual(
      restored.retained?.certificates.map(({ kind }) => kind),
      ['ca'],
    );
    assert.deepEqual(
      restored.memory.applied?.certificates.map(({ kind }) => kind),
      ['damaged', 'ca'],
    );
  });
});

suite('failure', () => {
  const maxAges: readonly (readonly [after: number, maxAgeMs: number, isTooOld: boolean])[] = [
    [hour - 1, hour, false],
    [hour, hour, true],
    [1000 * hour, 0, false],
  ];
  for (const [after, maxAgeMs, isTooOld] of maxAges)
    test(`${after} ms after the last success, with ${maxAgeMs} ms allowed: ${isTooOld ? '' : 'not '}too old`, () => {
      const state = afterFailure(fetched, refused, now + after, maxAgeMs);
      assert.equal(state.isTooOld, isTooOld);
      assert.equal(state.memory, fetched.memory);
      assert.equal(state.failures, 1);
      assert.equal(state.error, refused);
    });

  test('bundle that was never fetched: is never too old', () =>
    assert.equal(afterFailure(first, refused, now, 1).isTooOld, false));

  test('bootstrap bundle, while a first empty document is held: is never too old', () => {
    const held = afterSuccess(first, { document: empty, etag: undefined }, now).state;
    const failed = afterFailure(held, refused, now + hour, minute);
    assert.equal(bundleInForce(failed), bootstrap);
    const limits = { minIntervalMs: second, maxIntervalMs: hour };
    const wait = nextPollMs(failed, { limits, maxAgeMs: minute, instance: 'test' }, now + hour);
    assert.equal(wait, 5 * second, 'it is tried again as one that was never fetched');
  });

  test('too old bundle: is in force again after a success, but not while a document is held', () => {
    const withdrawn = afterFailure(fetched, refused, now + hour, hour);
    assert.equal(bundleInForce(afterSuccess(withdrawn, undefined, now + hour).state), one);
    const held = afterSuccess(withdrawn, { document: lower, etag: undefined }, now + hour).state;
    assert.equal(held.memory.held?.kind, 'lower-sequence');
    assert.equal(bundleInForce(held), undefined);
    const failed = afterFailure(held, refused, now + hour + minute, hour);
    assert.equal(bundleInForce(failed), undefined, 'only a success ends the withdrawal');
  });
});

suite('news', () => {
  const failed = afterFailure(fetched, refused, now, 0);
  const held = afterSuccess(fetched, { document: lower, etag: undefined }, now).state;
  const otherReason = afterFailure(failed, { reason: 'tls', message: 'closed' }, now, 0);
  const cases = {
    'first failure': [fetched, failed, 'connect', true],
    'same failure again': [failed, afterFailure(failed, refused, now, 0), 'connect', false],
    'other failure': [failed, otherReason, 'tls', true],
    'new document': [failed, fetched, 'apply', true],
    'no change': [failed, fetched, 'unchanged', false],
    'first hold': [fetched, held, 'hold', true],
    'second hold': [held, held, 'hold', false],
  } as const;
  for (const [name, [before, after, result, isNews]] of Object.entries(cases))
    test(`${name}: ${isNews ? 'is' : 'is no'} news`, () =>
      assert.equal(isNewResult(before, after, result), isNews));
});

suite('time until the next fetch', () => {
  const times = (more: Partial<PollTimes> = {}): PollTimes => ({
    limits: { minIntervalMs: 30 * second, maxIntervalMs: hour },
    maxAgeMs: 0,
    instance: 'test',
    ...more,
  });
  const regular = nextPollMs(fetched, times(), now);
  const failed = afterFailure(fetched, refused, now, 0);
  const held = afterSuccess(fetched, { document: lower, etag: undefined }, now).state;
  const slow = { limits: { minIntervalMs: hour, maxIntervalMs: hour } };

  test('regular interval: up to a tenth less than the hint, and another one for another server', () => {
    assert.ok(regular > 54 * second && regular <= minute, String(regular));
    assert.notEqual(nextPollMs(fetched, times({ instance: 'other' }), now), regular);
  });

  const cases: Readonly<Record<string, readonly [PollState, PollTimes, at: number, wait: number]>> = {
    'failure of a fetched bundle: the regular interval': [failed, times(), now, regular],
    'first failure of a bundle that was never fetched': [
      afterFailure(first, refused, now, 0),
      times(),
      now,
      5 * second,
    ],
    'held document: before the interval': [held, times(slow), now, 150 * second],
    'held document: not later than the interval': [held, times(), now, regular],
    'failure with a held document: the regular interval': [
      afterFailure(held, refused, now, 0),
      times(slow),
      now,
      nextPollMs(fetched, times(slow), now),
    ],
    'end of the age before the interval': [
      failed,
      times({ maxAgeMs: 5 * minute }),
      now + 290 * second,
      10 * second,
    ],
    'end of the age in the past: at once': [failed, times({ maxAgeMs: minute }), now + minute, 1],
    'too old: the regular interval': [
      afterFailure(fetched, refused, now + minute, minute),
      times({ maxAgeMs: minute }),
      now + minute,
      regular,
    ],
  };
  for (const [name, [state, with_, at, wait]] of Object.entries(cases))
    test(name, () => assert.equal(nextPollMs(state, with_, at), wait));
});

test('status: names the interval, the hold and the withdrawal', () => {
  const limits = { minIntervalMs: 90 * second, maxIntervalMs: hour };
  const held = afterSuccess(fetched, { document: empty, etag: undefined }, now).state;
  const status = pollStatus(held, limits, undefined);
  assert.equal(status.intervalMs, 90 * second);
  assert.equal(status.held?.kind, 'empty');
  assert.equal(status.withdrawn, undefined);
  assert.equal(status.document, one);
  const gone = afterSuccess(held, { document: empty, etag: undefined }, now + minute).state;
  assert.equal(pollStatus(gone, limits, undefined).withdrawn, 'empty');
  const old = afterFailure(gone, refused, now + hour, hour - minute);
  assert.equal(pollStatus(old, limits, undefined).withdrawn, 'too-old');
});

test('relationships of two meshes: are fetched at other times', () => {
  const of = (mesh: string) =>
    firstPollState(makeRelationship({ mesh, trustDomain: 'peer.test' as TrustDomain }), undefined);
  const times = { limits: { minIntervalMs: hour, maxIntervalMs: hour }, maxAgeMs: 0, instance: 'test' };
  assert.notEqual(nextPollMs(of('a'), times, now), nextPollMs(of('b'), times, now));
});
