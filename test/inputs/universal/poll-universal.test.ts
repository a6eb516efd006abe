import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { pollUniversal } from '../../../src/inputs/universal/poll-universal.ts';
import { meshIdentities, meshTrusts } from '../../../src/inputs/universal/universal-resource.ts';
import type { UniversalResource } from '../../../src/inputs/universal/universal-resource.ts';
import { defaultListLimits } from '../../../src/net/list-budget.ts';
import type { ListLimits } from '../../../src/net/list-budget.ts';
import type { SourceEvent } from '../../../src/trust/source.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { identityOf, startGlobalApi, trustOf } from '../../kit/global-api.ts';
import type { GlobalApi, GlobalResource } from '../../kit/global-api.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const ca = makeCa({ commonName: 'CA' });
const [one, two, three, four, five] = [1, 2, 3, 4, 5].map((zone) =>
  trustOf(`zone-${zone}`, 'a.test', ca.certPem),
) as [GlobalResource, GlobalResource, GlobalResource, GlobalResource, GlobalResource];

/** A source under test. Each poll waits until the test asks for it. */
function follow(
  api: Pick<GlobalApi, 'url'>,
  options: {
    readonly resource?: UniversalResource;
    readonly isOptional?: boolean;
    readonly confirmsAbsence?: boolean;
    readonly tokenFile?: string;
    readonly ca?: string;
    readonly limits?: ListLimits;
  } = {},
) {
  const events: SourceEvent[] = [];
  const polls = new EventEmitter();
  const source = pollUniversal(
    {
      url: api.url,
      name: 'import',
      resource: meshTrusts,
      tokenFile: undefined,
      ca: undefined,
      ...options,
      sleep: async (_, signal) => {
        polls.emit('done');
        await Promise.race([once(polls, 'next'), once(signal, 'abort')]);
      },
    },
    (batch) => void events.push(...batch),
  );
  let polled = once(polls, 'done');
  return {
    /** Returns the events of the poll that runs, or of the next one. */
    async poll(): Promise<readonly SourceEvent[]> {
      await polled;
      polled = once(polls, 'done');
      const batch = events.splice(0);
      queueMicrotask(() => polls.emit('next'));
      return batch;
    },
    [Symbol.asyncDispose]: () => source.close(),
  };
}

const kinds = (events: readonly SourceEvent[]): readonly string[] =>
  events.map((event) => ('path' in event ? `${event.kind} ${event.path}` : event.kind));
const reasons = (events: readonly SourceEvent[]): readonly string[] =>
  events.flatMap((event) => (event.kind === 'failed' ? event.reason : []));

suite('polling the REST API of a Global control plane', () => {
  test('pages: read to the end of the list', async () => {
    await using api = await startGlobalApi({ pageSize: 2 });
    api.resources = [one, two, three];
    await using source = follow(api);
    assert.deepEqual(kinds(await source.poll()), [
      'content import:default/trust-zone-1',
      'content import:default/trust-zone-2',
      'content import:default/trust-zone-3',
    ]);
    assert.deepEqual(kinds(await source.poll()), ['synced']);
    // Each page begins with the last resource of the page before.
    assert.deepEqual(api.requests.map(({ path }) => path).slice(0, 2), [
      '/meshtrusts?size=1000&offset=0',
      '/meshtrusts?size=1000&offset=1',
    ]);
  });

  test('page too long to be read: is read with half as many resources, which the next lists keep', async () => {
    await using api = await startGlobalApi();
    const label = 'x'.repeat(11 * 2 ** 20);
    const resources = [one, two, three, four, five];
    api.resources = Array.from({ length: 1000 }, (_, index) => {
      const resource = resources[index] ?? trustOf(`zone-${index + 1}`, 'a.test', ca.certPem);
      // The first five resources and the last two are large.
      return index < 5 || index >= 998 ? { ...resource, labels: { ...resource.labels, label } } : resource;
    });
    await using source = follow(api);
    const first = await source.poll();
    assert.deepEqual(reasons(first), []);
    assert.equal(first.length, 1000);
    assert.deepEqual(kinds(await source.poll()), ['synced']);
    assert.deepEqual(
      api.requests.map(({ path }) => path.replace('/meshtrusts?', '')),
      [
        'size=1000&offset=0',
        'size=500&offset=0',
        'size=500&offset=499',
        'size=500&offset=998',
        'size=500&offset=0',
        'size=500&offset=499',
        'size=500&offset=998',
      ],
    );
  });

  test('two resources that are too long to be read: a failure with the limit', async () => {
    await using api = await startGlobalApi();
    const label = 'x'.repeat(33 * 2 ** 20);
    api.resources = [one, two].map((resource) => ({ ...resource, labels: { ...resource.labels, label } }));
    await using source = follow(api);
    assert.deepEqual(reasons(await source.poll()), ['the response is longer than 67108864 bytes']);
    assert.equal(api.requests.at(-1)?.path, '/meshtrusts?size=2&offset=0');
  });

  test('defect when a list is applied: a failure, and the next poll applies it', async () => {
    await using api = await startGlobalApi();
    api.resources = [one];
    let isBroken = true;
    const resource: UniversalResource = {
      ...meshTrusts,
      get place() {
        if (!isBroken) return meshTrusts.place;
        isBroken = false;
        throw new Error('a defect');
      },
    };
    await using source = follow(api, { resource });
    const events = await source.poll();
    assert.deepEqual([kinds(events), reasons(events)], [['failed import:meshtrusts'], ['a defect']]);
    assert.deepEqual(kinds(await source.poll()), [
      'content import:default/trust-zone-1',
      'recovered import:meshtrusts',
    ]);
  });

  test('nothing changed but times: no event', async () => {
    await using api = await startGlobalApi();
    api.resources = [one];
    await using source = follow(api);
    await source.poll();
    await source.poll();
    assert.deepEqual(await source.poll(), []);
  });

  for (const [what, status, body, reason] of [
    ['an error of the server', 500, '{}', /status 500/],
    ['a refused token', 401, '{}', /does not accept the token/],
    ['a missing right', 403, '{}', /may not list meshtrusts/],
    ['no JSON', 200, '<html>', /is not a list/],
    ['JSON that is no list', 200, '{"items":{}}', /is not a list/],
    ['a redirect', 302, '', /status 302/],
    [
      'an item of another type',
      200,
      '{"total":1,"items":[{"type":"Mesh","name":"a","mesh":"b"}]}',
      /no type/,
    ],
    ['fewer items than the total', 200, '{"total":2,"items":[],"next":null}', /ends before its total/],
    ['no such resource', 404, '{}', /has no meshtrusts/],
  ] as const)
    test(`${what}: a failure, and nothing is withdrawn`, async () => {
      await using api = await startGlobalApi();
      api.resources = [one];
      await using source = follow(api);
      await source.poll();
      await source.poll();
      api.answer = () => ({ status, body });
      const events = [...(await source.poll()), ...(await source.poll()), ...(await source.poll())];
      assert.deepEqual(kinds(events), ['failed import:meshtrusts']);
      assert.match(reasons(events).join(), reason);
      api.answer = () => undefined;
      assert.deepEqual(kinds([...(await source.poll()), ...(await source.poll())]), [
        'recovered import:meshtrusts',
      ]);
    });

  for (const [what, before, after] of [
    // The third resource slips to the first page.
    [
      'its first resource is removed, and another one added',
      [one, two, three, four],
      [two, three, four, five],
    ],
    ['its first resource is removed', [one, two, three, four], [two, three, four]],
    ['a resource is added before the others', [two, three, four], [one, two, three, four]],
    ['the last resource of the first page is removed', [one, two, three], [one, three, four]],
  ] as const)
    test(`each list changes between its pages, ${what}: failures, and nothing is withdrawn`, async () => {
      await using api = await startGlobalApi({ pageSize: 2 });
      api.resources = before;
      await using source = follow(api);
      await source.poll();
      await source.poll();
      api.answer = (_, offset) => {
        api.resources = offset === 0 ? before : after;
        return undefined;
      };
      const events = [];
      for (let lists = 0; lists < 4; lists += 1) events.push(...(await source.poll()));
      assert.deepEqual(reasons(events), ['the list changed while it was read']);
      assert.deepEqual(kinds(events), ['failed import:meshtrusts']);
      api.answer = () => undefined;
      api.resources = before;
      assert.deepEqual(kinds([...(await source.poll()), ...(await source.poll())]), [
        'recovered import:meshtrusts',
      ]);
    });

  test('the second page is not found: a failure, and no list without resources', async () => {
    await using api = await startGlobalApi({ pageSize: 2 });
    api.resources = [one, two, three];
    api.answer = (_, offset) => (offset === 0 ? undefined : { status: 404, body: '{}' });
    await using source = follow(api, { isOptional: true });
    const events = [...(await source.poll()), ...(await source.poll()), ...(await source.poll())];
    assert.deepEqual(kinds(events), ['failed import:meshtrusts']);
  });

  for (const [what, limits, reason] of [
    ['resources', { items: 20 }, 'the list has more than 20 resources'],
    ['length', { characters: 40_000 }, 'the resources of the list have more than 40000 characters'],
  ] as const)
    test(`pages without end, limited by ${what}: a failure, and nothing is withdrawn`, async () => {
      await using api = await startGlobalApi({ pageSize: 2 });
      api.resources = [one, two];
      await using source = follow(api, { limits: { ...defaultListLimits, ...limits } });
      await source.poll();
      await source.poll();
      api.answer = (_, offset) => {
        const items = [offset, offset + 1].map((number) => ({ ...one, name: `trust-${number}` }));
        return { status: 200, body: JSON.stringify({ total: offset + 3, items, next: 'more' }) };
      };
      const events = [...(await source.poll()), ...(await source.poll())];
      assert.deepEqual(kinds(events), ['failed import:meshtrusts']);
      assert.deepEqual(reasons(events), [reason]);
      api.answer = () => undefined;
      assert.deepEqual(kinds([...(await source.poll()), ...(await source.poll())]), [
        'recovered import:meshtrusts',
      ]);
    });

  test('a server that starts has no resources yet: they are read before synced', async () => {
    await using api = await startGlobalApi();
    await using source = follow(api);
    assert.deepEqual(kinds(await source.poll()), []);
    api.resources = [one];
    assert.deepEqual(kinds(await source.poll()), ['content import:default/trust-zone-1', 'synced']);
  });

  test('MeshIdentities: optional, and without private keys', async () => {
    await using api = await startGlobalApi();
    api.answer = () => ({ status: 404, body: '{}' });
    await using source = follow(api, { resource: meshIdentities, isOptional: true });
    assert.deepEqual(kinds([...(await source.poll()), ...(await source.poll())]), ['synced']);
    const secret = 'MARKER-OF-A-KEY';
    api.resources = [
      identityOf('a.test', {
        ca: { privateKey: { type: 'InsecureInline', insecureInline: { value: secret } } },
      }),
    ];
    api.answer = () => undefined;
    const events = [...(await source.poll()), ...(await source.poll())];
    assert.deepEqual(kinds(events), ['content import:meshidentity:default/identity']);
    assert.equal(JSON.stringify(events).includes(secret), false);
    api.answer = () => ({ status: 404, body: '{}' });
    assert.match(
      reasons([...(await source.poll()), ...(await source.poll())]).join(),
      /has no meshidentities/,
    );
  });

  test('optional resource that an earlier run had: absent only if two answers in a row say so', async () => {
    await using api = await startGlobalApi();
    const answers = [404, 503, 404, 404, 404];
    api.answer = () => ({ status: answers.shift() ?? 200, body: '{}' });
    await using source = follow(api, {
      resource: meshIdentities,
      isOptional: true,
      confirmsAbsence: true,
    });
    const steps: (readonly string[])[] = [];
    for (let step = 0; step < 5; step += 1) steps.push((await source.poll()).map(({ kind }) => kind));
    assert.deepEqual(steps, [['failed'], ['failed'], ['failed'], ['recovered'], ['synced']]);
  });

  test('TLS: the certificate is verified with the CA file, and the token file is read for each request', async () => {
    await using dir = await makeTempDir();
    const server = makeLeaf(ca, { commonName: 'global', dnsNames: ['localhost'] });
    await using api = await startGlobalApi({ tls: { cert: server.certPem, key: server.keyPem } });
    const url = api.url.replace('127.0.0.1', 'localhost');
    await writeFile(dir.join('ca.crt'), ca.certPem);
    await writeFile(dir.join('token'), 'first\n');
    {
      await using source = follow({ url });
      assert.match(reasons(await source.poll()).join(), /a CA that is not trusted/);
      assert.equal(api.requests.length, 0);
    }
    await using source = follow({ url }, { tokenFile: dir.join('token'), ca: dir.join('ca.crt') });
    assert.deepEqual(kinds([...(await source.poll()), ...(await source.poll())]), ['synced']);
    await writeFile(dir.join('token'), 'second\n');
    await source.poll();
    await source.poll();
    assert.equal(api.requests[0]?.token, 'Bearer first');
    assert.equal(api.requests.at(-1)?.token, 'Bearer second');
  });

  test('no server: a failure with the reason', async () => {
    const api = await startGlobalApi();
    await api.close();
    await using source = follow(api);
    assert.match(reasons(await source.poll()).join(), /connection refused/);
  });
});
