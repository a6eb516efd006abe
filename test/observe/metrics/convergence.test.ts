import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
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
  /** Milliseconds from the last change until now, if the ACK of the present version counts. */
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

describe('convergence', () => {
  it('is the time from the cause of a change to its ACK', () => {
    const { ack, deliver } = setup();
    assert.equal(ack(5), undefined, 'a first delivery is no change');
    deliver(change);
    assert.equal(ack(40), 40);
  });

  it('counts each change once a stream', () => {
    const { ack, deliver } = setup();
    ack(5);
    deliver(change);
    assert.equal(ack(40), 40);
    assert.equal(ack(90), undefined, 'a re-subscription is answered with the same version');
  });

  it('does not count a proxy that connects long after the change', () => {
    const { ack } = setup();
    assert.equal(ack(3_600_000, {}, streamOf()), undefined);
  });

  it('counts for a stream that quoted what it holds when it connected', () => {
    const { ack, convergence, deliver, version } = setup();
    const other = streamOf();
    const quote = { typeUrl: '', name: 'ALL', version: version() ?? '', unconfirmed: false };
    convergence.quoted(other, quote);
    deliver(change);
    assert.equal(ack(7, {}, other), 7);
  });

  it('does not believe the ACK of what the node refused before', () => {
    const { ack, deliver } = setup();
    ack(5);
    deliver(change);
    assert.equal(ack(40, { unconfirmed: true }), undefined);
  });

  it('does not count the ACK of a version that is superseded', () => {
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

  it('does not count what other trust domains changed', () => {
    const { convergence, deliver, version } = setup();
    const name = 'spiffe://a.test';
    const before = version(name);
    convergence.acked(stream, ackOf(name, before), 0);
    deliver(content({ trustDomain: 'b.test', pems: [b.certPem] }));
    assert.equal(version(name), before);
    assert.equal(convergence.acked(stream, ackOf(name, before), 1e15), undefined);
  });

  it('is nothing where the name is not listed any more, or was told as removed', () => {
    const { clock, convergence, deliver, version } = setup();
    const name = 'spiffe://a.test';
    convergence.acked(stream, ackOf(name, version(name)), 0);
    deliver(gone('a.test'));
    clock.advance(60_000);
    assert.equal(version(name), undefined);
    assert.equal(convergence.acked(stream, ackOf(name, 'deny-all'), 1e15), undefined);
    assert.equal(convergence.acked(stream, ackOf(name, undefined), 1e15), undefined);
  });

  it('is never negative, whatever the clock does', () => {
    const { ack, deliver } = setup();
    ack(5);
    deliver(change);
    assert.equal(ack(-1000), 0);
  });
});
