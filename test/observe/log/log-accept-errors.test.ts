import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../../../src/observe/log/log.ts';
import { logAcceptErrors } from '../../../src/observe/log/log-accept-errors.ts';
import { memoryStream } from '../rig.ts';

test('connections that cannot be accepted: a line at once, and then one a minute with their number', () => {
  const out = memoryStream();
  const minutes: (() => void)[] = [];
  const log = createLogger({ format: 'json', level: 'info', stream: out.stream });
  const failed = logAcceptErrors(log, 'the listener for proxies', (work) => void minutes.push(work));
  const error = Object.assign(new Error('accept ENOBUFS'), { code: 'ENOBUFS', syscall: 'accept' });
  const messages = (): unknown[] => out.lines().map(({ level, event, msg }) => [level, event, msg]);
  const first = [
    'error',
    'accept-failed',
    'the listener for proxies could not accept a connection: accept ENOBUFS',
  ];
  failed(error);
  assert.deepEqual(messages(), [first]);
  for (let count = 0; count < 1000; count += 1) failed(error);
  assert.deepEqual(messages(), [first]);
  minutes.shift()?.();
  const second = 'the listener for proxies could not accept 1000 connections: accept ENOBUFS';
  assert.deepEqual(messages(), [first, ['error', 'accept-failed', second]]);
  failed(error);
  minutes.shift()?.();
  minutes.shift()?.();
  assert.equal(messages().length, 3);
  assert.deepEqual(minutes, [], 'without errors, no timer runs');
  failed(error);
  assert.equal(messages().length, 4);
});
