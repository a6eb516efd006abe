import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { decodeRecords, encodeRecords } from '../../../src/bundle-endpoint/core/sequence-record.ts';

const record = { mesh: 'default', trustDomain: 'a.test', sequence: 5, hash: 'ab', isEmpty: false };

suite('records of sequences', () => {
  test('written and read: are the same', () => {
    assert.deepEqual(decodeRecords(encodeRecords([record])), [record]);
    const smallest = { ...record, sequence: 0, isEmpty: true };
    assert.deepEqual(decodeRecords(encodeRecords([smallest])), [smallest]);
    for (const hasImported of [true, false]) {
      const known = { ...record, hasImported };
      assert.deepEqual(decodeRecords(encodeRecords([known])), [known]);
    }
    assert.deepEqual(decodeRecords(encodeRecords([])), []);
  });

  test('text of another form: is no list of records', () => {
    const broken: readonly object[] = [
      { ...record, sequence: '5' },
      { ...record, sequence: -1 },
      { ...record, sequence: 2 ** 53 },
      { ...record, isEmpty: 'no' },
      { ...record, mesh: undefined },
      { ...record, hasImported: 'no' },
    ];
    const format = 'meshtrust-bundle-sequences/1';
    const texts = [
      '',
      '{}',
      'null',
      JSON.stringify({ format: 'other', records: [record] }),
      JSON.stringify({ format, records: {} }),
      ...broken.map((one) => JSON.stringify({ format, records: [record, one] })),
    ];
    for (const text of texts) assert.equal(decodeRecords(text), undefined, text);
  });
});
