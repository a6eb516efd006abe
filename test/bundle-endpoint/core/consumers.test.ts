import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createConsumerList } from '../../../src/bundle-endpoint/core/consumers.ts';
import type { Consumer } from '../../../src/bundle-endpoint/core/consumers.ts';
import { consumerState } from '../../../src/bundle-endpoint/core/present-consumers.ts';
import { isOverdue, nextConsumer, pollMs } from '../../../src/bundle-endpoint/core/follow-consumer.ts';
import { consumersOf } from '../../../src/bundle-endpoint/core/observe-fetch.ts';
import type { ConsumerFetch, Fetch } from '../../../src/bundle-endpoint/core/observe-fetch.ts';
import { createPublishedBundles } from '../../../src/bundle-endpoint/core/published-bundles.ts';
import { shareOf } from '../../kit/bundles.ts';
import { makeCa } from '../../kit/certificates.ts';
import { makeServed } from './served-trust.ts';

const published = createPublishedBundles({
  rules: [{ mesh: 'default', trustDomain: '*' }],
  refreshSeconds: 300,
});
const served = makeServed();
const [one, two] = [makeCa(), makeCa()];
published.update(served.of(shareOf('a.test', [one])), 1);
const old = published.get('default', 'a.test') ?? assert.fail();
published.update(served.of(shareOf('a.test', [one, two])), 2);
const current = published.get('default', 'a.test') ?? assert.fail();

const second = 1000;

function fetchOf(fields: Partial<ConsumerFetch> = {}): ConsumerFetch {
  return {
    mesh: 'default',
    trustDomain: 'a.test',
    address: '10.0.0.1',
    userAgent: 'x',
    at: 0,
    etag: current.etag,
    claim: 'nothing',
    sent: 'whole',
    ...fields,
  };
}

function fetched(fields: Partial<Fetch> = {}, status: 200 | 304 = 200): readonly ConsumerFetch[] {
  return consumersOf({
    request: { method: 'GET', target: '/a.test', ifNoneMatch: undefined },
    reply: { status, headers: {}, body: Buffer.alloc(0), bundles: [current] },
    address: '10.0.0.1',
    userAgent: 'x',
    isComplete: true,
    at: 0,
    ...fields,
  });
}

/** Returns the consumer after these fetches. */
function after(...fetches: readonly Partial<ConsumerFetch>[]): Consumer {
  const [first, ...others] = fetches.map(fetchOf);
  assert.ok(first !== undefined);
  return others.reduce(nextConsumer, nextConsumer(undefined, first));
}

suite('consumers', () => {
  test('fetch: what the request claims, and what was sent', () => {
    const head = { method: 'HEAD', target: '/a.test', ifNoneMatch: undefined };
    const any = { method: 'GET', target: '/a.test', ifNoneMatch: '*' };
    const tagged = { ...any, ifNoneMatch: current.etag };
    const cases: readonly (readonly [
      what: string,
      fetches: readonly ConsumerFetch[],
      Pick<ConsumerFetch, 'claim' | 'sent'>,
    ])[] = [
      ['a whole response', fetched(), { claim: 'nothing', sent: 'whole' }],
      ['a response that broke off', fetched({ isComplete: false }), { claim: 'nothing', sent: 'part' }],
      ['the client has it', fetched({ request: tagged }, 304), { claim: 'published', sent: 'none' }],
      [
        'the client has it, and its response broke off',
        fetched({ request: tagged, isComplete: false }, 304),
        { claim: 'published', sent: 'none' },
      ],
      [
        'the client has another one',
        fetched({ request: { ...any, ifNoneMatch: old.etag } }),
        { claim: 'other', sent: 'whole' },
      ],
      ['the client has any', fetched({ request: any }, 304), { claim: 'nothing', sent: 'none' }],
      ['only the head', fetched({ request: head }), { claim: 'nothing', sent: 'none' }],
      [
        'the client has it, by HEAD',
        fetched({ request: { ...head, ifNoneMatch: current.etag } }, 304),
        { claim: 'published', sent: 'none' },
      ],
    ];
    for (const [what, fetches, shown] of cases) assert.deepEqual(fetches, [fetchOf(shown)], what);
    const error = { status: 404, headers: {}, body: Buffer.alloc(0), bundles: [] } as const;
    assert.deepEqual(fetched({ reply: error }), []);
  });

  test('names: the address without the mapping to IPv6, and a short plain user agent', () => {
    const [seen] = fetched({ address: '::ffff:10.1.2.3', userAgent: `a\u001b[31m${'b'.repeat(500)}` });
    assert.equal(seen?.address, '10.1.2.3');
    assert.match(seen?.userAgent ?? '', /^a \[31mb{190,}…$/);
  });

  const later = 10 * second;
  const claims = { claim: 'published', sent: 'none' } as const;
  const histories: readonly (readonly [
    what: string,
    state: string,
    fetches: readonly Partial<ConsumerFetch>[],
  ])[] = [
    ['one whole response', 'sent', [{}]],
    ['one response that broke off', 'unknown', [{ sent: 'part' }]],
    ['one request for the head', 'unknown', [{ sent: 'none' }]],
    ['the entity tag of the published bundle', 'current', [claims]],
    ['a whole response, then its entity tag', 'current', [{}, { ...claims, at: 1 }]],
    ['a whole response, then again without an entity tag', 'current', [{}, { at: later }]],
    ['a whole response, then one that broke off', 'current', [{}, { at: later, sent: 'part' }]],
    ['a whole response, and a repetition too early to be a poll', 'sent', [{}, { at: later - 1 }]],
    ['a response that broke off, then a whole one', 'sent', [{ sent: 'part' }, { at: later }]],
    ['a whole response, then a request for the head', 'sent', [{}, { at: later, sent: 'none' }]],
    ['an earlier bundle', 'behind', [{ etag: old.etag }]],
    ['an earlier bundle, then a request for the head', 'behind', [{ etag: old.etag }, { sent: 'none' }]],
    ['an earlier bundle, confirmed', 'behind', [{ etag: old.etag, ...claims }]],
    ['an earlier bundle, then the published one', 'sent', [{ etag: old.etag }, { at: later }]],
    [
      'an earlier bundle, then a part of the published one',
      'unknown',
      [{ etag: old.etag }, { sent: 'part' }],
    ],
    [
      'a client that sends entity tags fetches again with another one: it has not received the bundle',
      'sent',
      [{ claim: 'other' }, { at: later, claim: 'other' }],
    ],
    [
      'a client that sends entity tags fetches again without one: it holds the bundle back',
      'sent',
      [{ claim: 'other' }, { at: later }, { at: 2 * later }],
    ],
    ['a confirmed bundle, then the entity tag of another one', 'sent', [claims, { at: 1, claim: 'other' }]],
    ['a confirmed bundle, then a response that broke off', 'current', [claims, { at: 1, sent: 'part' }]],
  ];
  for (const [what, state, fetches] of histories)
    test(`state: ${what} → ${state}`, () => assert.equal(consumerState(after(...fetches), current), state));

  test('state of a bundle that is no longer published: unknown', () =>
    assert.equal(consumerState(after(claims), undefined), 'unknown'));

  test('interval: the shorter of the last two', () => {
    const pollOf = (...times: readonly number[]): number | undefined =>
      pollMs(after(...times.map((at) => ({ at }))));
    assert.equal(pollOf(0), undefined);
    assert.equal(pollOf(0, 60), 60);
    assert.equal(pollOf(0, 60, 560), 60);
    assert.equal(pollOf(0, 1, 61, 161), 60);
    assert.equal(pollOf(10, 5), 0, 'the clock went back');
  });

  test('overdue: polled, and has not for three of its intervals or refresh hints, for a day at most', () => {
    const day = 86_400 * second;
    const polls = after({ at: 0 }, { at: 60 * second }, { at: 120 * second });
    const isLate = (refreshSeconds: number, seconds: number, who = polls): boolean =>
      isOverdue(who, refreshSeconds, (120 + seconds) * second);
    assert.deepEqual([isLate(30, 180), isLate(30, 181)], [false, true]);
    assert.deepEqual([isLate(100, 300), isLate(100, 301)], [false, true]);
    assert.deepEqual([isLate(100, 300 + day / second), isLate(100, 301 + day / second)], [true, false]);
    const uneven = after(...[0, 10, 50, 110, 120].map((at) => ({ at: at * second })));
    assert.deepEqual(
      [isLate(30, 180, uneven), isLate(30, 181, uneven)],
      [false, true],
      'the longest interval',
    );
    // A program that fetched twice, such as curl, may not be a poller.
    assert.equal(isLate(30, 10_000, after({ at: 0 }, { at: 120 * second })), false);
  });

  test('list: one entry for each address, program and trust domain, with the last fetch', () => {
    const list = createConsumerList();
    list.saw(fetchOf({ at: 1, etag: old.etag }));
    list.saw(fetchOf({ userAgent: 'y', at: 2 }));
    list.saw(fetchOf({ trustDomain: 'b.test', at: 3 }));
    list.saw(fetchOf({ at: 4 }));
    assert.deepEqual(
      list.all().map(({ fetches, etag }) => [fetches, etag]),
      [
        [[2], current.etag],
        [[3], current.etag],
        [[1, 4], current.etag],
      ],
    );
  });

  test('limit: one IPv6 network with many addresses displaces none of the others', () => {
    const list = createConsumerList(10);
    for (const address of ['10.0.0.2', '10.0.0.3', '2001:db8::2']) list.saw(fetchOf({ address }));
    for (let at = 1; at <= 100; at += 1)
      list.saw(fetchOf({ address: `2001:db8:1:2:${at.toString(16)}::${at.toString(16)}` }));
    assert.deepEqual(
      list
        .all()
        .slice(0, 3)
        .map(({ address }) => address),
      ['10.0.0.2', '10.0.0.3', '2001:db8::2'],
    );
    assert.equal(list.forgotten, 93);
  });

  test('limit: one address with many names displaces none of the others', () => {
    const list = createConsumerList(10);
    for (const address of ['10.0.0.2', '10.0.0.3', '10.0.0.4']) list.saw(fetchOf({ address }));
    for (let at = 0; at < 100; at += 1) list.saw(fetchOf({ userAgent: `flood ${at}` }));
    const all = list.all();
    assert.equal(all.length, 10);
    assert.deepEqual(
      all.slice(0, 3).map(({ address }) => address),
      ['10.0.0.2', '10.0.0.3', '10.0.0.4'],
    );
    assert.equal(all.at(-1)?.userAgent, 'flood 99');
    assert.equal(list.forgotten, 93);
  });
});
