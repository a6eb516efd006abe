import assert from 'node:assert/strict';
import type { Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { createMember } from '../../../src/frontend/workers/member.ts';
import type { Member } from '../../../src/frontend/workers/member.ts';
import type { ToWorker } from '../../../src/frontend/workers/messages.ts';
import { createStateSender } from '../../../src/frontend/workers/send-states.ts';
import { encodeSecret, secretContent } from '../../../src/trust/secret/encode-secret.ts';
import type { ServedMeshes } from '../../../src/trust/snapshot/publisher.ts';

/** The state of a mesh with one secret. */
function stateOf(version: string): ServedMeshes {
  const content = secretContent([{ bytes: Buffer.from(version), hash: new Uint8Array(32) }]);
  return new Map([
    ['default', { secrets: { version, secrets: new Map([['ALL', encodeSecret('ALL', content)]]) } }],
  ]);
}

/** Returns a worker, and the versions that it was sent with the time of each. */
function workerOf(t: TestContext): { readonly member: Member; readonly sent: (readonly [string, number])[] } {
  const sent: (readonly [string, number])[] = [];
  const process = Object.assign(new EventEmitter(), {
    process: Object.assign(new EventEmitter(), { pid: 1 }),
    isConnected: () => true,
    send(message: ToWorker) {
      if (message.kind !== 'states') return;
      for (const { version } of message.deltas) sent.push([version, message.since]);
    },
  });
  const member = createMember(1, process as unknown as Worker);
  t.after(() => {
    member.starting.end();
    member.applying.end();
  });
  return { member, sent };
}

suite('state of the workers', () => {
  test('changes while a worker is busy: are sent together when it is done, with the time of the first', (t) => {
    const [busy, idle] = [workerOf(t), workerOf(t)];
    const states = createStateSender(new Set([busy.member, idle.member]));
    states.publish(stateOf('one'), 1);
    states.applied(idle.member);
    states.publish(stateOf('two'), 2);
    states.applied(idle.member);
    states.publish(stateOf('three'), 3);
    assert.deepEqual(busy.sent, [['one', 1]]);
    assert.deepEqual(idle.sent, [
      ['one', 1],
      ['two', 2],
      ['three', 3],
    ]);
    states.applied(busy.member);
    assert.deepEqual(busy.sent, [
      ['one', 1],
      ['three', 2],
    ]);
  });

  test('worker that has the latest state: is sent nothing', (t) => {
    const { member, sent } = workerOf(t);
    const states = createStateSender(new Set([member]));
    states.publish(stateOf('one'), 1);
    states.applied(member);
    states.begin(member);
    assert.deepEqual(sent, [['one', 1]]);
    assert.equal(member.busy, false);
  });

  test('worker that begins to listen: is sent the latest state, if there is one', (t) => {
    const { member, sent } = workerOf(t);
    const states = createStateSender(new Set());
    states.begin(member);
    assert.deepEqual(sent, []);
    states.publish(stateOf('one'), 1);
    states.publish(stateOf('two'), 2);
    states.begin(member);
    assert.deepEqual(sent, [['two', 2]]);
  });
});
