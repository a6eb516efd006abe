import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { createAdminServer, createProbeServer } from '../../src/admin/admin-server.ts';
import type { AdminServerInput } from '../../src/admin/admin-server.ts';
import type { MeshCertificates } from '../../src/api/certificate-api-types.ts';
import type { HttpEdge } from '../../src/admin/http-edge.ts';
import type { ApiError, FindingList, GuardRelease, MeshDetail, MeshList } from '../../src/api/api-types.ts';
import { localFleet } from '../../src/fleet/fleet.ts';
import { createServedHistory } from '../../src/fleet/served-history.ts';
import { createFleetTracker } from '../../src/fleet/track-fleet.ts';
import { createLogger } from '../../src/observe/log/log.ts';
import { createMetrics } from '../../src/observe/metrics/metrics.ts';
import { distrustedBy } from '../../src/trust/policy/distrust.ts';
import { makeCa } from '../kit/certificates.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import { content, gone, makeRig, memoryStream, synced } from '../observe/rig.ts';
import type { Rig } from '../observe/rig.ts';
import { ask } from './http-client.ts';

const ca = makeCa({ commonName: 'A' });

interface Setup extends Rig {
  readonly server: HttpEdge;
  readonly probes: HttpEdge;
  readonly log: ReturnType<typeof memoryStream>;
  readonly drain: () => void;
}

function setup(over: Partial<AdminServerInput> = {}): Setup {
  const rig = makeRig(() => undefined);
  const log = memoryStream();
  let draining = false;
  const view = () => rig.pipeline.view();
  const input: AdminServerInput = {
    view,
    version: '1.2.3',
    startedAt: () => Date.UTC(2026, 0, 2),
    draining: () => draining,
    metrics: createMetrics({ version: '1', view, cache: rig.reader.stats, caMetrics: true }),
    now: rig.clock.monotonic,
    proxies: (mesh) => (mesh === 'default' ? 2 : 0),
    releaseGuard: (selection) => rig.pipeline.releaseGuard(selection),
    fleet: localFleet(createFleetTracker({ now: () => 0 }), createServedHistory()),
    wall: () => 0,
    log: createLogger({ format: 'json', level: 'debug', stream: log.stream }),
    ...over,
  };
  const drain = (): void => {
    draining = true;
  };
  return { ...rig, log, drain, server: createAdminServer(input), probes: createProbeServer(input) };
}

const parsed = (text: string): unknown => JSON.parse(text);

suite('the admin server', () => {
  const rig = setup();
  let address = '';
  before(async () => {
    address = await rig.server.listen('127.0.0.1:0');
  });
  after(() => rig.server.close());

  test('port 0: reports the actual port', () => assert.match(address, /^127\.0\.0\.1:[1-9]\d+$/));

  test('before the first complete read: is alive, not ready, and names the missing source', async () => {
    assert.equal((await ask(address, '/healthz')).status, 200);
    rig.deliver(content({ trustDomain: 'a.test', pems: [ca.certPem] }));
    const waiting = await ask(address, '/readyz');
    assert.equal(waiting.status, 503);
    assert.deepEqual(parsed(waiting.body), { status: 'waiting', missing: ['files'] });

    rig.deliver({ kind: 'content', path: 'bad.yaml', text: 'a: [', settled: true }, synced);
    const doubtful = await ask(address, '/readyz');
    assert.equal(doubtful.status, 503);
    assert.deepEqual(parsed(doubtful.body), {
      status: 'doubtful',
      reason: 'the first read found an invalid document',
      findings: [
        'bad.yaml:1: MT002 the YAML cannot be read: unexpected end of the stream within a flow collection',
      ],
      secondsLeft: 30,
    });

    rig.deliver({ kind: 'gone', path: 'bad.yaml', evidence: 'deletion' });
    const ready = await ask(address, '/readyz');
    assert.equal(ready.status, 200);
    assert.deepEqual(parsed(ready.body), { status: 'ready' });
  });

  test('GET /metrics: is Prometheus text', async () => {
    const { status, headers, body } = await ask(address, '/metrics');
    assert.equal(status, 200);
    assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
    assert.match(body, /^meshtrust_ready 1$/m);
  });

  test('meshes: are listed, and one is shown in full', async () => {
    const list = parsed((await ask(address, '/api/v1/meshes')).body) as MeshList;
    assert.deepEqual(
      list.meshes.map(({ name, trustDomains, anchors, proxies }) => [name, trustDomains, anchors, proxies]),
      [['default', 1, 1, 2]],
    );
    const mesh = parsed((await ask(address, '/api/v1/meshes/default')).body) as MeshDetail;
    assert.equal(mesh.version, list.meshes[0]?.version);
    assert.equal(mesh.trustDomains[0]?.anchors[0]?.subject, 'CN=A');
    assert.deepEqual(mesh.trustDomains[0]?.anchors[0]?.resources, ['default//a-test']);
    const { body } = await ask(address, '/api/v1/meshes/default/certificates');
    const certificates = parsed(body) as MeshCertificates;
    assert.equal(certificates.version, mesh.version);
    assert.deepEqual(
      certificates.trustDomains[0]?.anchors.map(({ pem }) => pem),
      [ca.certPem],
    );
    assert.equal((await ask(address, '/api/v1/meshes/nowhere/certificates')).status, 404);
  });

  test('proxies of meshes that no resource lists: are counted by mesh, once the server is ready', async () => {
    const many = Array.from({ length: 25 }, (_, index): [string, number] => [`m${index}`, 1]);
    const other = setup({
      proxyCounts: () => new Map([['default', 2], ['typo', 200], ['gone', 0], ...many]),
    });
    const address = await other.server.listen('127.0.0.1:0');
    const unlisted = async (): Promise<MeshList['unlisted']> =>
      (parsed((await ask(address, '/api/v1/meshes')).body) as MeshList).unlisted;
    try {
      assert.deepEqual(await unlisted(), []);
      other.deliver(content({ trustDomain: 'a.test', pems: [ca.certPem] }), synced);
      const found = await unlisted();
      assert.deepEqual([found.length, found[0], found[1]?.name], [20, { name: 'typo', proxies: 200 }, 'm0']);
    } finally {
      await other.server.close();
    }
  });

  test('mesh without resources before the first complete read: its proxies are not said to refuse clients', async () => {
    const other = setup();
    const address = await other.server.listen('127.0.0.1:0');
    try {
      for (const path of ['meshes/a', 'meshes/a/certificates', 'meshes/a/rollout', 'meshes/a/rotations']) {
        const { status, body } = await ask(address, `/api/v1/${path}`);
        assert.equal(status, 404);
        assert.equal(
          (parsed(body) as ApiError).error.message,
          'no MeshTrust has listed mesh a since the server started: the server has not read all of its sources yet, and answers no new proxy',
        );
      }
    } finally {
      await other.server.close();
    }
  });

  test('mesh without resources: 404, with a message about its proxies', async () => {
    const { status, body } = await ask(address, '/api/v1/meshes/nothing%20here');
    assert.equal(status, 404);
    assert.deepEqual(parsed(body), {
      error: {
        code: 'unknown-mesh',
        message:
          'no MeshTrust has listed mesh nothing here since the server started: its proxies, if any, refuse every client',
      },
    });
  });

  test('GET /api/v1/server: has version, start and sources', async () => {
    assert.deepEqual(parsed((await ask(address, '/api/v1/server')).body), {
      version: '1.2.3',
      at: '1970-01-01T00:00:00.000Z',
      startedAt: '2026-01-02T00:00:00.000Z',
      readiness: { status: 'ready' },
      sources: [{ name: 'files', synced: true, restored: false, accepted: 1, rejected: 0 }],
    });
  });

  test('GET /api/v1/distrust: has whether the list contains the hash', async () => {
    const at = async (server: string, hash: string): Promise<unknown> =>
      parsed((await ask(server, `/api/v1/distrust/${hash}`)).body);
    const [known, other] = ['a'.repeat(64), 'b'.repeat(64)];
    const none = { hash: known, followed: false, listed: false };
    assert.deepEqual(await at(address, known), none);
    const { server } = setup({ distrusted: () => distrustedBy([known.slice(0, 16)]) });
    const follower = await server.listen('127.0.0.1:0');
    assert.deepEqual(await at(follower, known.toUpperCase()), { ...none, followed: true, listed: true });
    assert.deepEqual(await at(follower, other), { hash: other, followed: true, listed: false });
    assert.deepEqual(await at(follower, 'abc'), {
      error: { code: 'bad-request', message: 'the hash has 3 digits; at least 16 are needed' },
    });
    await server.close();
  });

  test('GET /api/v1/findings: has all findings', async () => {
    rig.deliver(content({ trustDomain: 'b.test', pems: [`${ca.certPem}${ca.keyPem}`] }));
    const { counts, findings } = parsed((await ask(address, '/api/v1/findings')).body) as FindingList;
    assert.equal(counts.error, 1);
    assert.equal(findings[0]?.code, 'MT011');
    rig.deliver(content({ trustDomain: 'b.test', pems: [ca.certPem] }));
  });

  test('guard release: ends the holds and returns them', async () => {
    rig.deliver(gone('a.test'), gone('b.test'));
    const held = parsed((await ask(address, '/api/v1/meshes/default')).body) as MeshDetail;
    assert.deepEqual(
      held.held.map(({ name, secondsLeft }) => [name, secondsLeft]),
      [
        ['a.test', 30],
        ['b.test', 30],
      ],
    );
    const post = (query: string): ReturnType<typeof ask> =>
      ask(address, `/api/v1/guard/release${query}`, { method: 'POST' });
    // A parameter that is not known must not release everything.
    for (const query of ['?meesh=other', '?mesh=', '?mesh=a&mesh=b', '?trust_domain=a.test'])
      assert.equal((await post(query)).status, 400, query);
    // A second question mark belongs to the value before it: if the rest were lost, the request would select more.
    for (const query of ['?mesh=other', '?trustDomain=c.test', '?mesh=default?trustDomain=c.test'])
      assert.deepEqual(parsed((await post(query)).body), { released: [] });
    const { status, body } = await post('');
    assert.equal(status, 200);
    assert.deepEqual(
      (parsed(body) as GuardRelease).released.map(({ mesh, trustDomain }) => `${mesh} ${trustDomain}`).sort(),
      ['default a.test', 'default b.test'],
    );
    rig.clock.advance(100);
    const mesh = parsed((await ask(address, '/api/v1/meshes/default')).body) as MeshDetail;
    assert.deepEqual([mesh.denyAll, mesh.held, mesh.trustDomains], [true, [], []]);
  });

  test('same state: same bytes', async () => {
    const paths = ['/api/v1/meshes', '/api/v1/meshes/default', '/api/v1/findings', '/readyz'];
    for (const path of paths) {
      const [first, second] = [await ask(address, path), await ask(address, path)];
      assert.equal(first.body, second.body);
    }
  });

  test('HEAD: as GET, without the body', async () => {
    const [get, head] = [await ask(address, '/healthz'), await ask(address, '/healthz', { method: 'HEAD' })];
    assert.equal(head.status, 200);
    assert.equal(head.body, '');
    assert.equal(head.headers['content-length'], String(get.body.length));
  });

  test('headers: no caching, no sniffing, no embedding', async () => {
    for (const path of ['/healthz', '/api/v1/meshes', '/nowhere', '/metrics']) {
      const { headers } = await ask(address, path);
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal(headers['x-content-type-options'], 'nosniff');
    }
  });

  const refusals = [
    ['an unknown path', 'GET', '/nowhere', {}, 404, 'not-found'],
    ['a path with more behind it', 'GET', '/healthz/', {}, 404, 'not-found'],
    ['an empty mesh name', 'GET', '/api/v1/meshes/', {}, 404, 'not-found'],
    ['bad percent-encoding', 'GET', '/api/v1/meshes/%E0%A4', {}, 400, 'bad-request'],
    ['another method', 'DELETE', '/api/v1/meshes', {}, 405, 'method-not-allowed'],
    ['a release by GET', 'GET', '/api/v1/guard/release', {}, 405, 'method-not-allowed'],
    ['a name of somebody else', 'GET', '/healthz', { host: 'evil.example' }, 421, 'wrong-host'],
    [
      'another web page',
      'POST',
      '/api/v1/guard/release',
      { origin: 'https://evil.example' },
      403,
      'forbidden',
    ],
    ['a page of no origin', 'POST', '/api/v1/guard/release', { origin: 'null' }, 403, 'forbidden'],
  ] as const;
  for (const [what, method, path, headers, status, code] of refusals) {
    test(`${what}: ${status} ${code}`, async () => {
      const answer = await ask(address, path, { method, headers });
      assert.equal(answer.status, status);
      assert.equal((parsed(answer.body) as ApiError).error.code, code);
    });
  }

  test('wrong method: 405 with the allowed methods', async () => {
    assert.equal((await ask(address, '/healthz', { method: 'PUT' })).headers['allow'], 'GET, HEAD');
    assert.equal((await ask(address, '/api/v1/guard/release')).headers['allow'], 'POST');
  });

  test('own host names: are accepted', async () => {
    for (const host of [address, 'localhost', 'localhost:5680', '[::1]:5680', '10.1.2.3'])
      assert.equal((await ask(address, '/healthz', { headers: { host } })).status, 200, host);
  });

  test('request body: is refused unread, and the connection is closed', async () => {
    const options = { method: 'POST', body: 'x'.repeat(100_000) };
    const answer = await ask(address, '/api/v1/guard/release', options);
    assert.equal(answer.status, 413);
    assert.equal(answer.headers['connection'], 'close');
    const empty = { method: 'POST', headers: { 'content-length': 0 } };
    assert.equal((await ask(address, '/api/v1/guard/release', empty)).status, 200);
  });

  test('endless headers: are refused', async () => {
    const answer = await ask(address, '/healthz', { headers: { 'x-long': 'x'.repeat(10_000) } });
    assert.equal(answer.status, 431);
  });

  test('bytes that are no HTTP: the server goes on', async () => {
    const [host, port] = address.split(':');
    const socket = connect(Number(port), host);
    socket.end('\x16\x03\x01 nonsense\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    assert.equal((await ask(address, '/healthz')).status, 200);
  });

  test('draining: not ready, alive', async () => {
    rig.drain();
    const { status, body } = await ask(address, '/readyz');
    assert.equal(status, 503);
    assert.deepEqual(parsed(body), { status: 'draining' });
    assert.equal((await ask(address, '/healthz')).status, 200);
  });
});

suite('an admin server', () => {
  test('internal error: the client gets no details, the log all of them', async () => {
    const { server, log } = setup({
      proxies: () => {
        throw new Error('the fault');
      },
      releaseGuard: () => {
        throw new Error('the fault');
      },
    });
    await using _ = server;
    const address = await server.listen('127.0.0.1:0');
    const answer = await ask(address, '/api/v1/guard/release', { method: 'POST' });
    assert.equal(answer.status, 500);
    assert.doesNotMatch(answer.body, /the fault/);
    assert.match(log.text(), /the fault/);
  });

  test('unix socket: is used by one process at a time', async () => {
    await using dir = await makeTempDir();
    const wanted = `unix:${dir.join('admin.sock')}`;
    await using first = setup().server;
    await using second = setup().server;
    assert.equal(await first.listen(wanted), wanted);
    assert.equal((await ask(wanted, '/healthz', { headers: { host: 'anything' } })).status, 200);
    await assert.rejects(second.listen(wanted), /another program uses the address/);
  });

  test('unprotected address beyond loopback: does not listen', async () => {
    const { server, log } = setup();
    await using _ = server;
    await assert.rejects(server.listen('0.0.0.0:0'), /0\.0\.0\.0:0: others could reach the admin API/);
    assert.equal(log.text(), '');
  });

  test('beyond loopback: probes are answered under any host name', async () => {
    await using server = setup().probes;
    const address = await server.listen('0.0.0.0:0');
    const answer = await ask(address.replace('0.0.0.0', '127.0.0.1'), '/healthz', {
      headers: { host: 'meshtrust.kuma-system.svc:5680' },
    });
    assert.equal(answer.status, 200);
  });

  test('address in use: the error says so', async () => {
    await using first = setup().server;
    await using second = setup().server;
    const address = await first.listen('127.0.0.1:0');
    await assert.rejects(second.listen(address), /another program uses the address/);
  });

  test('close: ends connections that clients keep open', async () => {
    await using server = setup().server;
    const address = await server.listen('127.0.0.1:0');
    const [host, port] = address.split(':');
    const socket = connect(Number(port), host);
    await once(socket, 'connect');
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(socket, 'data');
    const closed = once(socket, 'close');
    await server.close();
    await closed;
  });
});

suite('names that steer a terminal, hide or forge a line', () => {
  const odd = '\u001b[2J\u009b31m\u202e\u2066\u200b\u2028\u2029\ufeff\u{e0001}\r\n';
  const unsafe = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
  const rig = setup({
    metrics: {
      contentType: 'text/plain',
      render: () => Promise.resolve(`a{source="x${odd}"} 1\n`),
    },
  });
  const path = `a${odd}.yaml`;
  rig.deliver({ kind: 'content', path, text: 'type: MeshTrust\nname: [', settled: true }, synced);
  let address = '';
  before(async () => {
    address = await rig.server.listen('127.0.0.1:0');
  });
  after(() => rig.server.close());

  for (const target of [
    '/readyz',
    '/api/v1/server',
    '/api/v1/findings',
    `/api/v1/meshes/${encodeURIComponent(odd)}`,
  ])
    test(`${target.slice(0, 20)} → escaped, with the same value`, async () => {
      const { body } = await ask(address, target);
      assert.doesNotMatch(body, unsafe);
      assert.ok(JSON.stringify(parsed(body)).includes(JSON.stringify(odd).slice(1, -1)), body);
    });

  test('/metrics → spaces', async () => {
    const { body } = await ask(address, '/metrics');
    assert.doesNotMatch(body, unsafe);
    assert.match(body, /^a\{source="x \[2J/);
  });
});

suite('the probe server', () => {
  test('probe server: has health, readiness and metrics only', async () => {
    await using probes = setup().probes;
    const address = await probes.listen('127.0.0.1:0');
    const statuses = await Promise.all(
      ['/healthz', '/readyz', '/metrics', '/api/v1/meshes', '/api/v1/guard/release'].map(
        async (path) => (await ask(address, path)).status,
      ),
    );
    assert.deepEqual(statuses, [200, 503, 200, 404, 404]);
  });
});
