import assert from 'node:assert/strict';
import type { Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { createMember } from '../../../src/frontend/workers/member.ts';

test('worker that dies while it is sent a connection: does not end its parent', () => {
  const process = Object.assign(new EventEmitter(), {
    process: Object.assign(new EventEmitter(), { pid: 1 }),
  });
  createMember(1, process as unknown as Worker);
  assert.doesNotThrow(() => process.emit('error', new Error('write EPIPE')));
});

test('worker whose process cannot be created: does not listen, so its start is tried again', async () => {
  // Node.js emits no `exit` then.
  const process = Object.assign(new EventEmitter(), { process: new EventEmitter() });
  const { listening } = createMember(1, process as unknown as Worker);
  process.emit('error', new Error('spawn EAGAIN'));
  await assert.rejects(listening.promise, /EAGAIN/);
});
