import assert from 'node:assert/strict';
import { mkdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { openVoucherFile } from '../../../src/runtime/state/voucher-file.ts';
import type { VoucherRecord } from '../../../src/trust/imports/vouchers.ts';
import { createFakeClock } from '../../kit/fake-clock.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const record: VoucherRecord = {
  mesh: 'default',
  labels: { 'kuma.io/origin': 'global' },
  trustDomainTemplate: '{{ .Mesh }}.{{ .Zone }}.mesh.local',
  leafLifetimeMs: 86_400_000,
};

async function open(path: string) {
  const errors: string[] = [];
  const clock = createFakeClock();
  const report = (message: string, error: unknown): unknown => errors.push(`${message}: ${String(error)}`);
  const file = await openVoucherFile(path, report, clock);
  return { file, errors, clock };
}

test('records: the newest are read back after a restart', async () => {
  await using dir = await makeTempDir();
  const { file } = await open(dir.path);
  assert.deepEqual(file.records, []);
  file.save([record]);
  file.save([]);
  file.save([record, { ...record, until: 5 }, { ...record, until: null }]);
  await file.flush();
  const { file: again, errors } = await open(dir.path);
  assert.deepEqual(again.records, [record, { ...record, until: 5 }, { ...record, until: null }]);
  assert.deepEqual(errors, []);
});

test('records that did not change: are not written again', async () => {
  await using dir = await makeTempDir();
  const { file } = await open(dir.path);
  file.save([record]);
  await file.flush();
  const { ino } = await stat(dir.join('import-vouchers.json'));
  const { file: again } = await open(dir.path);
  again.save([record]);
  await again.flush();
  assert.equal((await stat(dir.join('import-vouchers.json'))).ino, ino);
});

test('callback for errors that throws an error: later records are written', async () => {
  await using dir = await makeTempDir();
  const report = (): never => {
    throw new Error('a defect');
  };
  const file = await openVoucherFile(dir.path, report, createFakeClock());
  const path = dir.join('import-vouchers.json');
  await mkdir(path);
  file.save([record]);
  await file.flush();
  await rmdir(path);
  file.save([]);
  file.save([record]);
  await file.flush();
  assert.deepEqual((await open(dir.path)).file.records, [record]);
});

test('records that could not be written: are written after a minute, without another change', async () => {
  await using dir = await makeTempDir();
  const { file, errors, clock } = await open(dir.path);
  const path = dir.join('import-vouchers.json');
  await mkdir(path);
  file.save([record]);
  await poll('the failure', () => errors.length > 0 || undefined);
  assert.match(errors.join(), /import-vouchers\.json cannot be written/);
  await rmdir(path);
  // The same records again are no reason to write them sooner.
  file.save([record]);
  clock.advance(59_999);
  await assert.rejects(stat(path), /ENOENT/);
  clock.advance(1);
  await poll('the file', () => stat(path).catch(() => undefined));
  await file.flush();
  assert.equal(errors.length, 1);
  assert.deepEqual((await open(dir.path)).file.records, [record]);
});

test('records that could not be written: are written at the end, and then nothing is tried again', async () => {
  await using dir = await makeTempDir();
  const { file, errors, clock } = await open(dir.path);
  const path = dir.join('import-vouchers.json');
  await mkdir(path);
  file.save([record]);
  await poll('the failure', () => errors.length > 0 || undefined);
  await rmdir(path);
  await file.flush();
  assert.deepEqual((await open(dir.path)).file.records, [record]);
  assert.equal(clock.pending(), 0);
});

test('file that another process changed: vouches for nothing, and is reported', async () => {
  await using dir = await makeTempDir();
  const { file } = await open(dir.path);
  file.save([{ ...record, until: 5 }]);
  await file.flush();
  const path = dir.join('import-vouchers.json');
  const text = await readFile(path, 'utf8');
  for (const damaged of [text.replace('"until":5', '"until":9'), text.slice(0, -20), '']) {
    await writeFile(path, damaged);
    const { file: again, errors } = await open(dir.path);
    assert.deepEqual(again.records, []);
    assert.match(
      errors.join(),
      /import-vouchers\.json cannot be read back: Error: its checksum does not match/,
    );
  }
});
