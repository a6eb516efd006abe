import assert from 'node:assert/strict';
import type { Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { createMember } from '../../../src/frontend/workers/member.ts';

test('worker that dies while it is sent a connection: does not end its parent', () => {
  const process = Object.assign(new EventEmitter(), { process: new EventEmitter() });
  createMember(1, process as unknown as Worker);
  assert.doesNotThrow(() => process.emit('error', new Error('write EPIPE')));
});
