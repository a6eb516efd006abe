import assert from 'node:assert/strict';
import { mkdir, rename } from 'node:fs/promises';
import { test } from 'node:test';
import { openSequenceFile } from '../../src/bundle-endpoint/sequence-file.ts';
import type { SequenceRecord } from '../../src/bundle-endpoint/core/sequence-record.ts';
import { createFakeClock } from '../kit/fake-clock.ts';
import { makeTempDir } from '../kit/temp-dir.ts';

const recordOf = (sequence: number): SequenceRecord => ({
  mesh: 'default',
  trustDomain: 'a.test',
  sequence,
  hash: `hash ${sequence}`,
  isEmpty: false,
});

async function open(path: string) {
  const errors: string[] = [];
  const clock = createFakeClock();
  const failed = Promise.withResolvers<undefined>();
  const file = await openSequenceFile(
    path,
    (message) => {
      errors.push(message);
      failed.resolve(undefined);
    },
    clock.after,
  );
  return { file, errors, clock, failed: failed.promise };
}

test('records: the newest ones are read back after a restart', async () => {
  await using dir = await makeTempDir();
  const { file, errors } = await open(dir.path);
  for (const sequence of [1, 2, 3]) file.save([recordOf(sequence)]);
  await file.flush();
  assert.deepEqual((await open(dir.path)).file.records, [recordOf(3)]);
  assert.deepEqual(errors, []);
});

test('write that fails: is tried again after a minute, with the newest records', async () => {
  await using dir = await makeTempDir();
  const path = dir.join('state');
  await mkdir(path);
  const { file, errors, clock, failed } = await open(path);
  file.save([recordOf(1)]);
  await file.flush();
  await rename(path, `${path}.away`);
  file.save([recordOf(2)]);
  await failed;
  while (clock.pending() === 0) await new Promise((resolve) => setImmediate(resolve));
  await rename(`${path}.away`, path);
  clock.advance(60_000);
  await file.flush();
  assert.deepEqual((await open(path)).file.records, [recordOf(2)]);
  assert.equal(errors.length, 1);
  assert.equal(clock.pending(), 0);
});

test('write that fails, then the end of the server: it is tried again', async () => {
  await using dir = await makeTempDir();
  const path = dir.join('state');
  await mkdir(path);
  const { file, clock, failed } = await open(path);
  await rename(path, `${path}.away`);
  file.save([recordOf(2)]);
  await failed;
  while (clock.pending() === 0) await new Promise((resolve) => setImmediate(resolve));
  await rename(`${path}.away`, path);
  await file.flush();
  assert.deepEqual((await open(path)).file.records, [recordOf(2)]);
  assert.equal(clock.pending(), 0);
});
