import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../../../src/observe/log/log.ts';
import { logDescriptors } from '../../../src/observe/log/log-descriptors.ts';
import { memoryStream } from '../rig.ts';

test('no file descriptor is free: one line a minute, until one is free again', async () => {
  const out = memoryStream();
  let code: string | undefined;
  let now = 0;
  using descriptors = logDescriptors(createLogger({ format: 'json', level: 'info', stream: out.stream }), {
    now: () => now,
    async probe() {
      if (code !== undefined) throw Object.assign(new Error(code), { code });
    },
  });
  const codesAfter = async (next: string | undefined, time: number): Promise<unknown[]> => {
    [code, now] = [next, time];
    await descriptors.check();
    return out.lines().map(({ event, code: logged }) => [event, logged]);
  };
  const line = (logged: string): unknown[] => ['no-descriptors', logged];
  assert.deepEqual(await codesAfter(undefined, 0), []);
  assert.deepEqual(await codesAfter('ENOENT', 10_000), [], 'an error that says nothing about descriptors');
  assert.deepEqual(await codesAfter('EMFILE', 20_000), [line('EMFILE')]);
  assert.deepEqual(await codesAfter('EMFILE', 79_000), [line('EMFILE')]);
  assert.deepEqual(await codesAfter('ENFILE', 80_000), [line('EMFILE'), line('ENFILE')]);
  assert.deepEqual(await codesAfter(undefined, 200_000), [line('EMFILE'), line('ENFILE')]);
});

test('file descriptors are free: no line', async () => {
  const out = memoryStream();
  using descriptors = logDescriptors(createLogger({ format: 'json', level: 'info', stream: out.stream }));
  await descriptors.check();
  assert.deepEqual(out.lines(), []);
});
