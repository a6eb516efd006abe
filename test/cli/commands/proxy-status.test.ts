import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { suite, test } from 'node:test';
import { load } from 'js-yaml';
import { runProgram } from '../../../src/cli/program.ts';
import { freePort } from '../../kit/free-port.ts';
import { statesOf, streamOf } from '../../fleet/scene.ts';
import { fleetServer } from '../fleet-server.ts';
import { run, start } from '../run.ts';

/** Starts a server with a proxy in sync, and one that rejected the served version. */
async function twoProxies() {
  const server = await fleetServer();
  const [good, bad] = [streamOf(1, 'good'), streamOf(2, 'a-bad-one')];
  server.publish(statesOf({ ALL: 'v1' }, 'default', '0123456789abcdef'));
  for (const proxy of [good, bad]) {
    server.asks(proxy);
    server.sent(proxy, 'v1');
  }
  server.pass(25);
  server.acks(good, 'v1');
  server.refuses(bad, 'v1', 'Failed to load\nit');
  return server;
}

suite('proxy-status', () => {
  test('no flag: prints a table of proxies, and a summary on stderr', async () => {
    await using server = await twoProxies();
    const { code, stdout, stderr } = await run(['proxy-status', `--server=${server.url}`]);
    assert.deepEqual([code, stderr], [0, '2 proxies: 1 refused, 1 synced\n']);
    const rows = stdout.split('\n').map((line) => line.split(/ {2,}/));
    assert.deepEqual(rows[0], ['NODE', 'MESH', 'STATE', 'ACKED', 'BEHIND', 'AGE', 'NACKS']);
    assert.deepEqual(rows[1]?.slice(0, 4), ['a-bad-one', 'default', 'refused', '-']);
    assert.deepEqual(rows[2]?.slice(0, 5), ['good', 'default', 'synced', '0123456789ab', '-']);
  });

  test('rejected response: -o wide shows the reason on the same line', async () => {
    await using server = await twoProxies();
    const { stdout } = await run(['ps', '-o', 'wide', `--server=${server.url}`]);
    assert.match(stdout, /^a-bad-one .*delta ADS .*Failed to load it$/m);
  });

  test('-o json and -o yaml: print the same data', async () => {
    await using server = await twoProxies();
    const [json, yaml] = await Promise.all(
      ['json', 'yaml'].map((format) => run(['ps', '-o', format, `--server=${server.url}`])),
    );
    const parsed = JSON.parse(json?.stdout ?? '') as { proxies: readonly Record<string, unknown>[] };
    assert.deepEqual(load(yaml?.stdout ?? ''), parsed);
    assert.deepEqual(
      parsed.proxies.map(({ node, state, ackMs }) => [node, state, ackMs]),
      [
        ['a-bad-one', 'refused', undefined],
        ['good', 'synced', 25],
      ],
    );
  });

  test('--mesh and --state: filter the proxies', async () => {
    await using server = await twoProxies();
    const ask = async (...args: string[]) => (await run(['ps', ...args, `--server=${server.url}`])).stderr;
    assert.equal(await ask('--state=refused'), '1 proxy: 1 refused\n');
    assert.equal(await ask('--mesh=nowhere'), '0 proxies\n');
  });

  test('node id: prints the details of that proxy', async () => {
    await using server = await twoProxies();
    const { code, stdout } = await run(['proxy-status', 'a-bad-one', `--server=${server.url}`]);
    assert.equal(code, 0);
    assert.match(stdout, /^state: {5}refused/m);
    assert.match(stdout, /^last nack: .* ALL: Failed to load it$/m);
    assert.match(stdout, /^SECRET {2}TRANSPORT {2}SENT {2}ACKED {2}SERVED {2}ACK\nALL {5}delta ADS {2}v1/m);
  });

  test('same node id in two meshes: prints one, and names the other mesh', async () => {
    await using server = await twoProxies();
    server.pass(5);
    server.asks(streamOf(3, 'good', 'blue'));
    const { code, stdout, stderr } = await run(['ps', 'good', `--server=${server.url}`]);
    assert.deepEqual([code, /^mesh: +blue$/m.test(stdout)], [0, true]);
    assert.match(stderr, / is shown in mesh blue; it is also in mesh default: give --mesh\n$/);
    const named = await run(['ps', 'good', '--mesh=default', `--server=${server.url}`]);
    assert.deepEqual([/^mesh: +default$/m.test(named.stdout), named.stderr], [true, '']);
  });

  test('unknown proxy: exit 1; server does not answer: exit 3', async () => {
    await using server = await twoProxies();
    const unknown = await run(['ps', 'z', `--server=${server.url}`]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /proxy z: not connected to /);
    const alone = await run(['ps', `--server=http://127.0.0.1:${await freePort()}`]);
    assert.equal(alone.code, 3);
  });

  test('one of two servers does not answer: prints the proxies of the other, exit 3', async () => {
    await using server = await twoProxies();
    const gone = `http://127.0.0.1:${await freePort()}`;
    const { code, stdout, stderr } = await run(['ps', `--server=${gone}`, `--server=${server.url}`]);
    assert.equal(code, 3);
    assert.match(stdout, /^good /m);
    assert.match(stderr, /^2 proxies: .*\nerror: \S+: the server does not answer: /);
  });

  test('node id, one of two servers does not answer: prints the details of the other, exit 3', async () => {
    await using server = await twoProxies();
    const gone = `http://127.0.0.1:${await freePort()}`;
    const servers = ['--server', gone, '--server', server.url];
    const { code, stdout, stderr } = await run(['ps', 'good', ...servers]);
    assert.equal(code, 3);
    assert.match(stdout, /^node: +good$/m);
    assert.match(stderr, /^error: \S+ the server does not answer: /m);
    const nowhere = await run(['ps', 'nobody', ...servers]);
    assert.deepEqual([nowhere.code, nowhere.stdout], [3, '']);
    assert.doesNotMatch(nowhere.stderr, /not connected to/);
  });

  test('several servers: one table, with a column for the server', async () => {
    await using one = await twoProxies();
    await using two = await twoProxies();
    const servers = [`--server=${one.url}`, '--server', two.url];
    const { stdout, stderr } = await run(['ps', ...servers]);
    assert.equal(stderr, '4 proxies: 2 refused, 2 synced\n');
    assert.match(stdout, /AGE +SERVER +NACKS/);
    assert.ok(stdout.includes(one.url) && stdout.includes(two.url));
    const found = await run(['ps', 'good', ...servers, '-o', 'json']);
    const { proxies } = JSON.parse(found.stdout) as { proxies: readonly { server: string }[] };
    assert.deepEqual(
      proxies.map(({ server }) => server),
      [one.url, two.url],
    );
  });

  test('long list: reads every page', async () => {
    await using server = await fleetServer();
    server.publish(statesOf({ ALL: 'v1' }));
    for (let id = 0; id < 1_201; id += 1) server.asks(streamOf(id));
    const { stderr } = await run(['ps', `--server=${server.url}`]);
    assert.equal(stderr, '1201 proxies: 1201 pending\n');
  });

  test('--watch: prints each change until it is interrupted', async () => {
    await using server = await twoProxies();
    const stop = new AbortController();
    const watching = start(['ps', '-w', '-o', 'json', `--server=${server.url}`], stop.signal);
    await watching.until(/"servedVersion": "0123456789abcdef"/);
    server.publish(statesOf({ ALL: 'v2' }, 'default', 'fedcba9876543210'));
    await watching.until(/"servedVersion": "fedcba9876543210"/);
    stop.abort();
    const { code, stdout } = await watching.outcome;
    assert.equal(code, 0);
    assert.match(stdout, /"servedVersion": "0123456789abcdef".*"servedVersion": "fedcba9876543210"/s);
  });

  test('--watch: ends when the reader of its output has closed the pipe', async () => {
    await using server = await twoProxies();
    const closed = new Writable({
      write: (_, __, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    closed.on('error', () => undefined);
    const { code } = await run(['ps', '-w', `--server=${server.url}`], {}, undefined, (io) =>
      runProgram({ ...io, stdout: closed, watchMs: 20 }),
    );
    assert.equal(code, 0);
    assert.equal(closed.listenerCount('error'), 1, 'it has stopped listening');
  });

  test('--watch: continues while its only server restarts', async () => {
    const server = await twoProxies();
    const stop = new AbortController();
    const watching = start(['ps', '-w', `--server=${server.url}`], stop.signal);
    await watching.until(/^good /m);
    await server[Symbol.asyncDispose]();
    await watching.until(/error: \S+: the server does not answer: /);
    await using again = await fleetServer(new URL(server.url).host);
    again.publish(statesOf({ ALL: 'v1' }));
    again.asks(streamOf(1, 'came-back'));
    await watching.until(/^came-back /m, { continuing: true });
    stop.abort();
    assert.equal((await watching.outcome).code, 0);
  });
});
