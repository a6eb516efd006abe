import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createConvergence } from '../../../src/observe/metrics/convergence.ts';
import type { Convergence } from '../../../src/observe/metrics/convergence.ts';
import { makeCa } from '../../kit/certificates.ts';
import { content, gone, makeRig, synced } from '../rig.ts';
import type { Rig } from '../rig.ts';
import { ackOf, streamOf } from '../streams.ts';

const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
const stream = streamOf();

interface Setup extends Rig {
  readonly convergence: Convergence;
  readonly version: (name?: string) => string | undefined;
  /** Returns the ms from the last change until now, if the ACK of the current version counts. */
  readonly ack: (
    after: number,
    over?: Parameters<typeof ackOf>[2],
    from?: typeof stream,
  ) => number | undefined;
}

function setup(): Setup {
  const convergence = createConvergence();
  let since = 0;
  const rig = makeRig((event, { clock }) => {
    if (event.kind !== 'served') return;
    since = event.since;
    convergence.served(event.states, event.since, clock.wall());
  });
  rig.deliver(content({ trustDomain: 'a.test', pems: [a.certPem] }), synced);
  const version = (name = 'ALL'): string | undefined =>
    rig.pipeline.view().meshes.get('default')?.secrets.secrets.get(name)?.version;
  return {
    ...rig,
    convergence,
    version,
    ack: (after, over, from = stream) =>
      convergence.acked(from, ackOf('ALL', version(), over), since + after),
  };
}

const change = content({ trustDomain: 'a.test', pems: [b.certPem] });

suite('convergence', () => {
  test('ACK of a change: is measured from the cause of the change', () => {
    const { ack, deliver } = setup();
    assert.equal(ack(5), undefined, 'a first delivery is no change');
    deliver(change);
    assert.equal(ack(40), 40);
  });

  test('mesh: is listed from the state that has it until a state without it', () => {
    const { convergence } = setup();
    assert.equal(convergence.isListed('default'), true);
    assert.equal(convergence.isListed('other'), false);
    convergence.served(new Map(), 0, 0);
    assert.equal(convergence.isListed('default'), false);
  });

  test('change: counts once for each stream', () => {
    const { ack, deliver } = setup();
    ack(5);
    deliver(change);
    assert.equal(ack(40), 40);
    assert.equal(ack(90), undefined, 'a re-subscription is answered with the same version');
  });

  test('proxy connects long after the change: does not count', () => {
    const { ack } = setup();
    assert.equal(ack(3_600_000, {}, streamOf()), undefined);
  });

  test('stream quoted its version when it connected: its ACK counts', () => {
    const { ack, convergence, deliver, version } = setup();
    const other = streamOf();
    const quote = { typeUrl: '', name: 'ALL', version: version() ?? '', unconfirmed: false };
    convergence.quoted(other, quote);
    deliver(change);
    assert.equal(ack(7, {}, other), 7);
  });

  test('ACK of a version that the node rejected before: does not count', () => {
    const { ack, deliver } = setup();
    ack(5);
    deliver(change);
    assert.equal(ack(40, { unconfirmed: true }), undefined);
  });

  test('ACK of a superseded version: does not count', () => {
    const { ack, convergence, deliver, version } = setup();
    ack(5);
    const first = version();
    deliver(change);
    deliver(content({ trustDomain: 'a.test', pems: [a.certPem, b.certPem] }));
    const other = streamOf();
    convergence.acked(other, ackOf('ALL', 'older'), 0);
    assert.equal(convergence.acked(other, ackOf('ALL', first), 0), undefined);
    assert.equal(ack(60), 60);
  });

  test('change of another trust domain: does not count', () => {
    const { convergence, deliver, version } = setup();
    const name = 'spiffe://a.test';
    const before = version(name);
    convergence.acked(stream, ackOf(name, before), 0);
    deliver(content({ trustDomain: 'b.test', pems: [b.certPem] }));
    assert.equal(version(name), before);
    assert.equal(convergence.acked(stream, ackOf(name, before), 1e15), undefined);
  });

  test('name is no longer listed, or was sent as removed: does not count', () => {
    const { clock, convergence, deliver, version } = setup();
    const name = 'spiffe://a.test';
    convergence.acked(stream, ackOf(name, version(name)), 0);
    deliver(gone('a.test'));
    clock.advance(60_000);
    assert.equal(version(name), undefined);
    assert.equal(convergence.acked(stream, ackOf(name, 'deny-all'), 1e15), undefined);
    assert.equal(convergence.acked(stream, ackOf(name, undefined), 1e15), undefined);
  });

  test('clock goes back: the time is never negative', () => {
    const { ack, deliver } = setup();
    ack(5);
    deliver(change);
    assert.equal(ack(-1000), 0);
  });
});
