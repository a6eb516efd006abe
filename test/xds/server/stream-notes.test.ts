import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { StreamNotes } from '../../../src/xds/index.ts';
import type { StreamInfo } from '../../../src/xds/index.ts';
import { StreamDetails } from '../../../src/xds/server/stream-info.ts';
import { streamOf } from '../../observe/streams.ts';

const client = { address: '127.0.0.1:1', certificate: undefined, metadata: { get: () => [] } };
const kinds: readonly (readonly [string, () => StreamInfo])[] = [
  ['stream of a server', () => new StreamDetails(1, client, { transport: 'ads', protocol: 'delta' })],
  ['another object', () => streamOf()],
  [
    'object derived from a stream',
    () => Object.create(new StreamDetails(1, client, { transport: 'ads', protocol: 'delta' })) as StreamInfo,
  ],
];

for (const [kind, create] of kinds)
  suite(`notes on a stream: ${kind}`, () => {
    test('no note: is absent', () => {
      const notes = new StreamNotes<number>();
      const stream = create();
      assert.equal(notes.get(stream), undefined);
      assert.equal(notes.has(stream), false);
      assert.equal(notes.delete(stream), false);
    });

    test('second note: replaces the first', () => {
      const notes = new StreamNotes<number>();
      const stream = create();
      notes.set(stream, 1);
      notes.set(stream, 2);
      assert.equal(notes.get(stream), 2);
      assert.equal(notes.delete(stream), true);
      assert.equal(notes.has(stream), false);
    });

    test('the note undefined: is present', () => {
      const notes = new StreamNotes<undefined>();
      const stream = create();
      notes.set(stream, undefined);
      assert.equal(notes.has(stream), true);
    });

    test('five observers: each has its own note, and a new one gets the place of a removed one', () => {
      const stream = create();
      const all = [1, 2, 3, 4, 5].map((value) => {
        const notes = new StreamNotes<number>();
        notes.set(stream, value);
        return notes;
      });
      all[1]?.delete(stream);
      const late = new StreamNotes<number>();
      late.set(stream, 6);
      assert.deepEqual(
        [...all, late].map((notes) => notes.get(stream)),
        [1, undefined, 3, 4, 5, 6],
      );
    });

    test('other stream: has no note', () => {
      const notes = new StreamNotes<number>();
      notes.set(create(), 1);
      assert.equal(notes.has(create()), false);
    });
  });

test('copy of a stream for another process: has no notes', () => {
  const stream = new StreamDetails(1, client, { transport: 'ads', protocol: 'delta' });
  new StreamNotes<number>().set(stream, 12_345);
  assert.doesNotMatch(JSON.stringify(structuredClone(stream)), /12345/);
});
