import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { answerRequest, tooManyRequests } from '../../../src/bundle-endpoint/core/answer-request.ts';
import type {
  BundleReply,
  BundleRequest,
  Publication,
} from '../../../src/bundle-endpoint/core/answer-request.ts';
import { createPublishedBundles } from '../../../src/bundle-endpoint/core/published-bundles.ts';
import { shareOf } from '../../kit/bundles.ts';
import { makeCa } from '../../kit/certificates.ts';
import { makeServed } from './served-trust.ts';

const ca = makeCa();
const meshes = ['default', 'a mesh'];
const published = createPublishedBundles({
  rules: meshes.map((mesh) => ({ mesh, trustDomain: '*' })),
  refreshSeconds: 300,
});
published.update(
  makeServed().of(
    shareOf('a.test', [ca]),
    shareOf('b.test', [ca]),
    { ...shareOf('c.test', [ca]), mesh: 'a mesh' },
    { ...shareOf('d.test', [ca]), mesh: 'secret' },
  ),
  1,
);
const publication: Publication = {
  isOpen: true,
  defaultMesh: 'default',
  get: (mesh, trustDomain) => published.get(mesh, trustDomain),
  mapOf: (mesh) => published.mapOf(mesh),
  awaitsImport: (mesh, trustDomain) => published.awaitsImport(mesh, trustDomain),
  awaitsRead: (mesh) => published.awaitsRead(mesh),
};
const etagOf = (mesh: string, trustDomain: string): string =>
  published.get(mesh, trustDomain)?.etag ?? assert.fail();

function ask(target: string, request: Partial<BundleRequest> = {}, open = true): BundleReply {
  return answerRequest(
    { method: 'GET', target, ifNoneMatch: undefined, ...request },
    { ...publication, isOpen: open },
  );
}

suite('answer to a request', () => {
  test('paths: a bundle, the bundle of the default mesh, and a bundle map', () => {
    const cases: readonly (readonly [path: string, bundles: readonly string[]])[] = [
      ['/bundles/default/a.test', ['a.test']],
      ['/a.test', ['a.test']],
      ['/a.test?x=/', ['a.test']],
      ['/b%2Etest', ['b.test']],
      ['/bundles/a%20mesh/c.test', ['c.test']],
      ['/bundles/default', ['a.test', 'b.test']],
      ['/bundles/a%20mesh', ['c.test']],
      ['/', []],
      ['', []],
      ['/c.test', []],
      ['/bundles', []],
      ['/bundles/', []],
      ['/bundles/secret', []],
      ['/bundles/secret/d.test', []],
      ['/bundles/default/a.test/', []],
      ['/bundles/default/a.test/x', []],
      ['/bundles/default/a%252Etest', []],
      ['/bundles/default/../default/a.test', []],
      ['/Bundles/default/a.test', []],
      ['/a.test/', []],
      ['//a.test', []],
      ['/A.test', []],
      ['/%ff', []],
      ['/__proto__', []],
      ['*', []],
      ['https://a.test/a.test', []],
    ];
    for (const [path, bundles] of cases) {
      const reply = ask(path);
      assert.deepEqual(
        reply.bundles.map(({ trustDomain }) => trustDomain),
        bundles,
        path,
      );
      assert.equal(reply.status, bundles.length === 0 ? 404 : 200, path);
    }
  });

  test('bundle: has its type, its entity tag, and must be validated again', () => {
    const { headers, body } = ask('/a.test');
    assert.deepEqual(headers, {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-cache',
      ETag: etagOf('default', 'a.test'),
    });
    assert.equal(body, published.get('default', 'a.test')?.body);
  });

  test('bundle map: has the keys and the sequence of each bundle, and no hint', () => {
    const { body } = ask('/bundles/default');
    const { trust_domains: map } = JSON.parse(String(body)) as { trust_domains: Record<string, object> };
    const { keys } = published.get('default', 'a.test')?.document ?? assert.fail();
    assert.deepEqual(map, {
      'a.test': { keys, spiffe_sequence: 1 },
      'b.test': { keys, spiffe_sequence: 1 },
    });
  });

  test('If-None-Match: 304 for the entity tag that is current, else the bundle', () => {
    const etag = etagOf('default', 'a.test');
    const cases: readonly (readonly [tag: string | undefined, status: number])[] = [
      [undefined, 200],
      [etag, 304],
      [`W/${etag}`, 304],
      [`"x", ${etag}`, 304],
      ['*', 304],
      ['"x"', 200],
      ['', 200],
      [etag.slice(1, -1), 200],
    ];
    for (const [ifNoneMatch, status] of cases) {
      const reply = ask('/a.test', { ifNoneMatch });
      assert.equal(reply.status, status, String(ifNoneMatch));
      assert.equal(reply.headers['ETag'], etag);
      assert.equal(reply.body.length === 0, status === 304);
    }
    const map = ask('/bundles/default').headers['ETag'];
    assert.notEqual(map, etag);
    assert.equal(ask('/bundles/default', { ifNoneMatch: map }).status, 304);
  });

  test('methods: GET and HEAD only', () => {
    assert.deepEqual(ask('/a.test', { method: 'HEAD' }), ask('/a.test'));
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'get', '']) {
      const { status, headers } = ask('/a.test', { method });
      assert.deepEqual([status, headers['Allow']], [405, 'GET, HEAD'], method);
    }
  });

  test('a bundle or one of a map waits for an import: 503, and the others are answered', () => {
    const awaits = {
      ...publication,
      awaitsImport: (mesh: string, name = 'c.test') => mesh === 'default' && name === 'c.test',
    };
    const statuses = ['/c.test', '/bundles/default/c.test', '/bundles/default', '/a.test', '/d.test'].map(
      (target) => answerRequest({ method: 'GET', target, ifNoneMatch: undefined }, awaits),
    );
    assert.deepEqual(
      statuses.map(({ status }) => status),
      [503, 503, 503, 200, 404],
    );
    assert.equal(statuses[0]?.headers['Retry-After'], '10');
  });

  test('a trust domain of a map may still be there: 503 for the map, and the others are answered', () => {
    const awaits = { ...publication, awaitsRead: (mesh: string) => mesh === 'default' };
    const statuses = ['/bundles/default', '/bundles/a%20mesh', '/a.test', '/c.test'].map(
      (target) => answerRequest({ method: 'GET', target, ifNoneMatch: undefined }, awaits).status,
    );
    assert.deepEqual(statuses, [503, 200, 200, 404]);
  });

  test('before the first complete read, and while the server shuts down: 503 for every path that could exist', () => {
    for (const path of ['/a.test', '/never.test', '/bundles/default']) {
      const { status, headers } = ask(path, {}, false);
      assert.deepEqual([status, headers['Retry-After']], [503, '1'], path);
    }
  });

  test('bodies of errors: are no JSON, because go-spiffe ignores the status', () => {
    const errors = [
      ask('/x'),
      ask('/a.test', { method: 'POST' }),
      ask('/a.test', {}, false),
      tooManyRequests(1),
    ];
    for (const { body, headers, bundles } of errors) {
      assert.match(headers['Content-Type'] ?? '', /^text\/plain/);
      assert.throws(() => JSON.parse(String(body)));
      assert.deepEqual(bundles, []);
    }
  });

  test('too many requests: the client waits whole seconds', () => {
    for (const [wait, seconds] of [
      [1, '1'],
      [1000, '1'],
      [1001, '2'],
    ] as const) {
      const { status, headers } = tooManyRequests(wait);
      assert.deepEqual([status, headers['Retry-After']], [429, seconds]);
    }
  });
});
