import assert from 'node:assert/strict';
import { mkdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { openVoucherFile } from '../../../src/runtime/state/voucher-file.ts';
import type { VoucherRecord } from '../../../src/trust/imports/vouchers.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const record: VoucherRecord = {
  mesh: 'default',
  labels: { 'kuma.io/origin': 'global' },
  trustDomainTemplate: '{{ .Mesh }}.{{ .Zone }}.mesh.local',
  leafLifetimeMs: 86_400_000,
};

async function open(path: string) {
  const errors: string[] = [];
  const file = await openVoucherFile(path, (message, error) => errors.push(`${message}: ${String(error)}`));
  return { file, errors };
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
  const file = await openVoucherFile(dir.path, () => {
    throw new Error('a defect');
  });
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

test('records that could not be written: are written the next time, also if they did not change', async () => {
  await using dir = await makeTempDir();
  const { file, errors } = await open(dir.path);
  const path = dir.join('import-vouchers.json');
  await mkdir(path);
  file.save([record]);
  await file.flush();
  assert.match(errors.join(), /import-vouchers\.json cannot be written/);
  await rmdir(path);
  file.save([record]);
  await file.flush();
  assert.equal(errors.length, 1);
  assert.deepEqual((await open(dir.path)).file.records, [record]);
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
