import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { ApiClient } from '../../../src/kubernetes/client/api-client.ts';
import { meshTrusts, readApiObject } from '../../../src/kubernetes/client/api-object.ts';
import { createLister } from '../../../src/kubernetes/client/list-pages.ts';
import { clusterListLimits } from '../../../src/net/list-budget.ts';

test('API server that ignores the limit of a page: a page of 200,000 objects is read', async () => {
  const item = { metadata: { name: 'a', namespace: 'default', uid: 'u' } };
  const object = readApiObject(item) ?? assert.fail();
  const items = `0${',0'.repeat(199_999)}`;
  const text = `{"metadata":{"resourceVersion":"1"},"items":[${items}]}`;
  const body = Readable.from([text]) as IncomingMessage;
  const client = { get: () => Promise.resolve({ status: 200, retryAfterMs: undefined, body }) };
  const resource = { ...meshTrusts, read: () => object };
  const list = createLister(client as Partial<ApiClient> as ApiClient, '/apis', resource, clusterListLimits);
  for await (const result of list(new AbortController().signal))
    assert.equal(result.kind === 'listed' ? result.objects.length : result.kind, 200_000);
});

test('pages that break off again and again: are not so small that a list of many objects never ends', async () => {
  const limits: number[] = [];
  const client = {
    get: (path: string) => {
      limits.push(Number(new URL(path, 'http://api').searchParams.get('limit')));
      const body = Readable.from(
        (async function* broken() {
          yield await Promise.resolve('{');
          throw new Error('connection reset');
        })(),
      ) as IncomingMessage;
      return Promise.resolve({ status: 200, retryAfterMs: undefined, body });
    },
  };
  const list = createLister(client as Partial<ApiClient> as ApiClient, '/apis', meshTrusts);
  for (let time = 0; time < 10; time += 1)
    for await (const { kind } of list(new AbortController().signal)) assert.equal(kind, 'failed');
  assert.deepEqual(limits.slice(0, 6), [500, 250, 125, 62, 62, 62]);
});
