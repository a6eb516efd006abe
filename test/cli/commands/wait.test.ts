import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { describeWait, assessWait } from '../../../src/cli/ask/wait-state.ts';
import type { WaitState } from '../../../src/cli/ask/wait-state.ts';
import { freePort } from '../../kit/free-port.ts';
import { statesOf, streamOf } from '../../fleet/scene.ts';
import { fleetServer } from '../fleet-server.ts';
import { run, start } from '../run.ts';

const proxy = streamOf(1, 'slow-one');

/** Starts a server whose only proxy was sent the served version, and has not acknowledged it yet. */
async function pending() {
  const server = await fleetServer();
  server.publish(statesOf({ ALL: 'v1' }));
  server.asks(proxy);
  server.sent(proxy, 'v1');
  return server;
}

suite('wait', () => {
  test('the last proxy acknowledges: wait ends', async () => {
    await using server = await pending();
    let acknowledged = false;
    const waiting = start(['wait', '--mesh=default', `--server=${server.url}`]);
    const returned = waiting.outcome.then(() => assert.ok(acknowledged, 'it was acknowledged before'));
    await waiting.until(/waiting for/);
    acknowledged = true;
    server.acks(proxy, 'v1');
    const { code, stdout, stderr } = await waiting.outcome;
    await returned;
    assert.equal(code, 0);
    assert.match(stdout, /^SERVER +VERSION {2}PROXIES\n\S+ {2}v1 {7}1\/1\n$/);
    assert.match(stderr, /0 of 1 connected proxies have v1; waiting for slow-one \(pending\)\n/);
    assert.match(stderr, /1 of 1 connected proxies have v1\n$/);
  });

  test('--proxies: waits until that many proxies are connected', async () => {
    await using server = await pending();
    server.acks(proxy, 'v1');
    const second = streamOf(2);
    const waiting = start(['wait', '--mesh=default', '--proxies=2', `--server=${server.url}`]);
    await waiting.until(/waiting for/);
    server.asks(second);
    server.sent(second, 'v1');
    server.acks(second, 'v1');
    const { code, stderr } = await waiting.outcome;
    assert.equal(code, 0);
    assert.match(
      stderr,
      /^mesh default: 1 of 1 connected proxies have v1; waiting for 1 more proxy to connect\n/,
    );
    assert.match(stderr, /2 of 2 connected proxies have v1\n$/);
  });

  test('a server that is named twice: its proxies count once', async () => {
    await using server = await pending();
    server.acks(proxy, 'v1');
    const twice = ['--server', `${server.url},${server.url}/`, '--server', server.url];
    const args = ['wait', '--mesh=default', '--proxies=2', '--timeout=0', ...twice];
    const { code, stderr } = await run(args);
    assert.equal(code, 4);
    assert.match(stderr, /1 of 1 connected proxies have v1; waiting for 1 more proxy to connect\n/);
  });

  test('missing proxies, but none lags: prints no table', async () => {
    await using server = await pending();
    server.acks(proxy, 'v1');
    const args = ['wait', '--mesh=default', '--proxies=2', '--timeout=0', `--server=${server.url}`];
    const { code, stdout, stderr } = await run(args);
    assert.deepEqual([code, stdout], [4, '']);
    assert.match(stderr, /error: timed out after 0ms: .*waiting for 1 more proxy to connect\n$/);
  });

  test('time-out: exit 4, with the names of the lagging proxies', async () => {
    await using server = await pending();
    const { code, stdout, stderr } = await run([
      'wait',
      '--mesh=default',
      '--timeout=300ms',
      `--server=${server.url}`,
    ]);
    assert.equal(code, 4);
    assert.match(stdout, /^NODE +STATE +ACKED +BEHIND +ADDRESS +MESSAGE\nslow-one {2}pending/);
    assert.match(stderr, /error: timed out after 300ms: .*waiting for slow-one \(pending\)\n$/);
  });

  test('rejected response: prints the reason', async () => {
    await using server = await pending();
    server.refuses(proxy, 'v1', 'Failed to load');
    const { code, stderr } = await run(['wait', '--mesh=default', '--timeout=0', `--server=${server.url}`]);
    assert.equal(code, 4);
    assert.match(stderr, /slow-one \(refused: Failed to load\)/);
  });

  test('lost proxy: waits for it, and prints its name and acknowledged version', async () => {
    await using server = await pending();
    server.acks(proxy, 'v1');
    const other = streamOf(2, 'other-one');
    server.asks(other);
    server.quotes(other, 'v1');
    server.publish(statesOf({ ALL: 'v2' }));
    server.acks(other, 'v2');
    server.leaves(proxy, 'silence');
    const args = ['wait', '--mesh=default', `--server=${server.url}`];
    const { code, stdout, stderr } = await run([...args, '--timeout=0']);
    assert.equal(code, 4);
    assert.match(stdout, /\nslow-one {2}lost +v1 /);
    assert.match(
      stderr,
      /1 of 1 connected proxies have v2, 1 lost or reconnecting; waiting for slow-one \(lost, last acknowledged v1\)\n$/,
    );
    const waiting = start(args);
    await waiting.until(/slow-one \(lost/);
    const again = streamOf(3, 'slow-one');
    server.asks(again);
    server.quotes(again, 'v2');
    assert.equal((await waiting.outcome).code, 0);
  });

  test('proxy that one server lost: waits until it is in sync at another server', async () => {
    await using one = await pending();
    await using two = await fleetServer();
    two.publish(statesOf({ ALL: 'v1' }));
    one.leaves(proxy, 'silence');
    const args = ['wait', '--mesh=default', `--server=${one.url}`, `--server=${two.url}`];
    const waiting = start(args);
    await waiting.until(/slow-one \(lost, last acknowledged nothing\)/);
    const moved = streamOf(5, 'slow-one');
    two.asks(moved);
    two.sent(moved, 'v1');
    await waiting.until(/slow-one \(pending\)/);
    two.acks(moved, 'v1');
    const { code, stderr } = await waiting.outcome;
    assert.equal(code, 0);
    assert.match(stderr, /1 of 1 connected proxies have v1\n$/);
  });

  test('--version: waits for a version that is not served yet, and accepts a later one', async () => {
    await using server = await fleetServer();
    const waiting = run(['wait', '--mesh=default', '--version=v2', `--server=${server.url}`]);
    server.publish(statesOf({ ALL: 'v1' }));
    server.asks(proxy);
    server.quotes(proxy, 'v1');
    const early = await run([
      'wait',
      '--mesh=default',
      '--version=v2',
      '--timeout=0',
      `--server=${server.url}`,
    ]);
    assert.equal(early.code, 4);
    assert.match(early.stderr, /: 0 of 1 connected proxies have v2; waiting for the version at \S+\n$/);
    server.publish(statesOf({ ALL: 'v2' }));
    server.publish(statesOf({ ALL: 'v3' }));
    server.acks(proxy, 'v3');
    assert.equal((await waiting).code, 0);
  });

  test('several servers: adds up their proxies, and waits until they serve the same version', async () => {
    await using one = await pending();
    await using two = await pending();
    const servers = [`--server=${one.url}`, `--server=${two.url}`];
    one.acks(proxy, 'v1');
    const half = await run(['wait', '--mesh=default', '--timeout=0', '-o', 'json', ...servers]);
    const state = JSON.parse(half.stdout) as WaitState;
    assert.deepEqual([half.code, state.acked, state.connected], [4, 1, 2]);
    two.acks(proxy, 'v1');
    assert.equal((await run(['wait', '--mesh=default', ...servers])).code, 0);
    two.publish(statesOf({ ALL: 'v2' }));
    two.acks(proxy, 'v2');
    const apart = await run(['wait', '--mesh=default', '--timeout=0', ...servers]);
    assert.equal(apart.code, 4);
    assert.match(apart.stderr, /v1 or v2; waiting for servers to agree/);
  });

  test('no proxies: times out, unless --proxies 0 accepts that', async () => {
    await using server = await fleetServer();
    server.publish(statesOf({ ALL: 'v1' }));
    const args = ['wait', '--mesh=default', `--server=${server.url}`];
    const { code, stderr } = await run([...args, '--timeout=0']);
    assert.equal(code, 4);
    assert.match(stderr, /0 of 0 connected proxies have v1; waiting for 1 more proxy to connect\n$/);
    assert.equal((await run([...args, '--proxies=0'])).code, 0);
  });

  test('mesh that is not listed: exit 1, but with --version it waits', async () => {
    await using server = await fleetServer();
    const { code, stderr } = await run(['wait', '--mesh=blue', `--server=${server.url}`]);
    assert.equal(code, 1);
    assert.match(stderr, /no MeshTrust has listed mesh blue since the server started/);
    const other = await run(['wait', '--mesh=blue', '--version=v', '--timeout=0', `--server=${server.url}`]);
    assert.equal(other.code, 4);
  });

  test('server does not answer: exit 3; no --mesh: exit 2', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    assert.equal((await run(['wait', '--mesh=default', `--server=${url}`])).code, 3);
    assert.equal((await run(['wait'])).code, 2);
  });

  test('interrupted: exit 1', async () => {
    await using server = await pending();
    const stop = new AbortController();
    const waiting = start(['wait', '--mesh=default', `--server=${server.url}`], stop.signal);
    await waiting.until(/waiting for/);
    stop.abort();
    assert.equal((await waiting.outcome).code, 1);
  });

  test('lost proxies that the server does not name → waits for them', () => {
    const counts = { connected: 1, synced: 1, pending: 0, stale: 0, refused: 0, reconnecting: 0, lost: 0 };
    const rollout = (forgotten: number) => ({
      mesh: 'default',
      version: 'v1',
      changedAt: '',
      servedAt: '',
      proxies: { ...counts, forgotten },
      complete: true,
      converged: forgotten === 0,
      versions: [],
      asked: { version: 'v1', known: true, proxies: 1, lacking: 0 },
      lagging: [],
    });
    const stateFor = (forgotten: number) =>
      assessWait({ mesh: 'default' }, [{ kind: 'rollout', server: 'a', rollout: rollout(forgotten) }]);
    assert.equal(stateFor(0).done, true);
    const state = stateFor(3);
    assert.equal(state.done, false);
    assert.match(describeWait(state), /; waiting for lost proxies that it does not name at a$/);
  });

  test('server goes away and does not return: exit 3', () => {
    const gone = { kind: 'unreachable', server: 'a', reason: 'x' } as const;
    const { done, servers } = assessWait({ mesh: 'default' }, [gone]);
    assert.deepEqual([done, servers[0]?.waitingFor], [false, 'an answer']);
  });
});
