import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { suite, test } from 'node:test';
import { followHandovers } from '../../../src/frontend/workers/handovers.ts';

/** A process that `cluster` gives connections with these numbers, and what was sent and closed. */
function given(...numbers: readonly number[]) {
  const sent: unknown[] = [];
  const process = Object.assign(new EventEmitter(), { send: (message: unknown) => sent.push(message) });
  const handovers = followHandovers(process as unknown as ChildProcess);
  const closed: number[] = [];
  const send = process.send as (message: object, handle?: object) => unknown;
  for (const seq of numbers)
    send({ cmd: 'NODE_CLUSTER', act: 'newconn', seq }, { close: () => void closed.push(seq) });
  return { handovers, process, send, sent, closed };
}

suite('connections that a worker is given', () => {
  test('worker ends: those that it has not confirmed are closed, once', () => {
    const { handovers, process, sent, closed } = given(1, 2, 3);
    process.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack: 2, accepted: true });
    handovers.close();
    handovers.close();
    assert.deepEqual(closed, [1, 3]);
    assert.equal(sent.length, 3, 'all were sent');
  });

  test('connection that the worker does not accept: stays open for another worker', () => {
    const { handovers, process, closed } = given(1);
    process.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack: 1, accepted: false });
    handovers.close();
    assert.deepEqual(closed, []);
  });

  test('other messages and their handles: are passed on, and are not closed', () => {
    const { handovers, send, sent, closed } = given();
    const handle = { close: () => void closed.push(0) };
    send({ kind: 'collect' });
    send({ cmd: 'NODE_CLUSTER', act: 'other', seq: 1 }, handle);
    handovers.close();
    assert.deepEqual([sent.length, closed], [2, []]);
  });
});
