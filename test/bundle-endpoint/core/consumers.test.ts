import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createConsumerList } from '../../../src/bundle-endpoint/core/consumers.ts';
import type { Consumer } from '../../../src/bundle-endpoint/core/consumers.ts';
import { consumerState } from '../../../src/bundle-endpoint/core/consumer-state.ts';
import { consumersOf } from '../../../src/bundle-endpoint/core/observe-fetch.ts';
import type { Fetch } from '../../../src/bundle-endpoint/core/observe-fetch.ts';
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

function consumer(fields: Partial<Consumer> = {}): Consumer {
  return {
    mesh: 'default',
    trustDomain: 'a.test',
    address: '10.0.0.1',
    userAgent: 'x',
    lastFetchAt: 1,
    etag: current.etag,
    ...fields,
  };
}

function fetched(fields: Partial<Fetch> = {}, status: 200 | 304 = 200): readonly Consumer[] {
  return consumersOf({
    request: { method: 'GET', target: '/a.test', ifNoneMatch: undefined },
    reply: { status, headers: {}, body: Buffer.alloc(0), bundles: [current] },
    address: '10.0.0.1',
    userAgent: 'x',
    isComplete: true,
    at: 1,
    ...fields,
  });
}

suite('consumers', () => {
  test('what a response shows: the bundle that the client holds, or nothing', () => {
    const head = { method: 'HEAD', target: '/a.test', ifNoneMatch: undefined };
    const any = { method: 'GET', target: '/a.test', ifNoneMatch: '*' };
    const cases: readonly (readonly [
      what: string,
      consumers: readonly Consumer[],
      etag: string | undefined,
    ])[] = [
      ['a whole response', fetched(), current.etag],
      ['a response that broke off', fetched({ isComplete: false }), undefined],
      [
        'the client has it already',
        fetched({ request: { ...any, ifNoneMatch: current.etag } }, 304),
        current.etag,
      ],
      ['the client has any', fetched({ request: any }, 304), undefined],
      ['only the head of a response', fetched({ request: head }), undefined],
      [
        'the client has it, by HEAD',
        fetched({ request: { ...head, ifNoneMatch: current.etag } }, 304),
        current.etag,
      ],
    ];
    for (const [what, consumers, etag] of cases) assert.deepEqual(consumers, [consumer({ etag })], what);
    const error = { status: 404, headers: {}, body: Buffer.alloc(0), bundles: [] } as const;
    assert.deepEqual(fetched({ reply: error }), []);
  });

  test('names: the address without the mapping to IPv6, and a short plain user agent', () => {
    const [seen] = fetched({ address: '::ffff:10.1.2.3', userAgent: `a\u001b[31m${'b'.repeat(500)}` });
    assert.equal(seen?.address, '10.1.2.3');
    assert.match(seen?.userAgent ?? '', /^a \[31mb{190,}…$/);
  });

  test('state: current, behind, or unknown', () => {
    assert.equal(consumerState(consumer(), current), 'current');
    assert.equal(consumerState(consumer({ etag: old.etag }), current), 'behind');
    assert.equal(consumerState(consumer({ etag: undefined }), current), 'unknown');
    assert.equal(consumerState(consumer(), undefined), 'unknown');
  });

  test('list: one entry for each address, program and trust domain, with the last fetch', () => {
    const list = createConsumerList();
    list.saw(consumer({ lastFetchAt: 1, etag: old.etag }));
    list.saw(consumer({ userAgent: 'y', lastFetchAt: 2 }));
    list.saw(consumer({ trustDomain: 'b.test', lastFetchAt: 3 }));
    list.saw(consumer({ lastFetchAt: 4 }));
    assert.deepEqual(
      list.all().map(({ lastFetchAt, etag }) => [lastFetchAt, etag]),
      [
        [2, current.etag],
        [3, current.etag],
        [4, current.etag],
      ],
    );
  });

  test('limit: one address with many names displaces none of the others', () => {
    const list = createConsumerList(10);
    for (const address of ['10.0.0.2', '10.0.0.3', '10.0.0.4']) list.saw(consumer({ address }));
    for (let at = 0; at < 100; at += 1) list.saw(consumer({ userAgent: `flood ${at}` }));
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
