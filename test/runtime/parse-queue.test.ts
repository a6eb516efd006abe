import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createParseQueue } from '../../src/runtime/parse-queue.ts';
import type { ParseQueue, ParseQueueOptions } from '../../src/runtime/parse-queue.ts';
import type { LedgerEvent } from '../../src/trust/ledger/ledger.ts';
import type { SourceEvent } from '../../src/trust/source.ts';
import { createAnchorReader } from '../../src/trust/x509/anchor-reader.ts';
import { createFakeClock } from '../kit/fake-clock.ts';
import type { FakeClock } from '../kit/fake-clock.ts';

const parse = { defaultMesh: 'default', reader: createAnchorReader() };
const text = (documents: number): string => '---\nkind: ConfigMap\n'.repeat(documents);
const content = (path: string, documents: number, settled = true): SourceEvent => ({
  kind: 'content',
  path,
  text: text(documents),
  settled,
});

/** Creates a queue whose clock advances by the given time at each reading, as if each step took that long. */
function rig(
  stepMs: number,
  withdraws: ParseQueueOptions['withdraws'] = () => false,
): {
  queue: ParseQueue;
  clock: FakeClock;
  parsed: string[];
  turns: () => number;
} {
  const clock = createFakeClock();
  let extra = 0;
  let turns = 0;
  const parsed: string[] = [];
  const queue = createParseQueue({
    parse,
    clock: {
      ...clock,
      monotonic: () => clock.monotonic() + (extra += stepMs),
      after(milliseconds, callback) {
        turns += 1;
        return clock.after(milliseconds, callback);
      },
    },
    withdraws,
    parsed: (source, events, paths) =>
      parsed.push(`${source}: ${events.map(({ kind }) => kind).join(' ')} (${paths.join(' ')})`),
  });
  return { queue, clock, parsed, turns: () => turns };
}

suite('parse queue', () => {
  test('quick batch → parsed at once', () => {
    const { queue, parsed } = rig(0);
    queue.add('files', [
      content('a', 3),
      { kind: 'gone', path: 'b', evidence: 'deletion' },
      { kind: 'synced' },
    ]);
    assert.deepEqual(parsed, ['files: version gone synced (a)']);
    assert.equal(queue.isBusy, false);
  });

  test('many documents that take time → other work has its turn between them', () => {
    const { queue, clock, parsed, turns } = rig(6);
    queue.add('files', [content('a', 10)]);
    assert.deepEqual(parsed, []);
    while (queue.isBusy) clock.advance(1);
    assert.ok(turns() >= 5, `${turns()} turns`);
    assert.deepEqual(parsed, ['files: version (a)']);
  });

  test('small file added while a long one is parsed → parsed first', () => {
    const { queue, clock, parsed } = rig(6);
    queue.add('files', [content('hostile', 240)]);
    queue.add('files', [content('honest', 1)]);
    queue.add('cluster', [content('object', 1)]);
    while (queue.isBusy) clock.advance(1);
    assert.deepEqual(parsed, [
      'files: version (honest)',
      'cluster: version (object)',
      'files: version (hostile)',
    ]);
  });

  test('events of one path → in their order, also those beside other paths', () => {
    const { queue, clock, parsed } = rig(6);
    queue.add('files', [content('a', 10), content('b', 1)]);
    queue.add('files', [content('b', 3), content('c', 1)]);
    queue.add('files', [{ kind: 'unreadable', path: 'c', reason: 'x' }]);
    queue.add('files', [content('d', 1)]);
    while (queue.isBusy) clock.advance(1);
    assert.deepEqual(parsed, [
      'files: version (d)',
      'files: version version (a b)',
      'files: version version (b c)',
      'files: unreadable ()',
    ]);
  });

  test('removal → after everything before it of its source, since a resource may have moved', () => {
    const { queue, clock, parsed } = rig(6);
    queue.add('files', [content('a', 10)]);
    queue.add('files', [{ kind: 'gone', path: 'b', evidence: 'deletion' }]);
    queue.add('cluster', [{ kind: 'gone', path: 'c', evidence: 'deletion' }]);
    while (queue.isBusy) clock.advance(1);
    assert.deepEqual(parsed, ['cluster: gone ()', 'files: version (a)', 'files: gone ()']);
  });

  suite('text that lacks what its file had', () => {
    const withdraws: ParseQueueOptions['withdraws'] = (_, events) =>
      events.some((event) => event.kind === 'version' && event.path.startsWith('less'));

    test('earlier texts are not parsed → after all of them, and later ones do not wait for it', () => {
      const { queue, clock, parsed } = rig(6, withdraws);
      queue.add('files', [content('long', 40)]);
      queue.add('files', [content('longer', 80)]);
      queue.add('cluster', [content('object', 200)]);
      queue.add('files', [content('less', 1)]);
      queue.add('files', [content('later', 1)]);
      queue.add('files', [content('less', 1)]);
      queue.add('files', [{ kind: 'gone', path: 'late', evidence: 'deletion' }]);
      while (queue.isBusy) clock.advance(1);
      assert.deepEqual(parsed, [
        'files: version (later)',
        'files: version (long)',
        'files: version (longer)',
        'files: version (less)',
        'files: version (less)',
        'files: gone ()',
        'cluster: version (object)',
      ]);
    });

    test('two of them wait for one text → in their order', () => {
      const { queue, clock, parsed } = rig(6, withdraws);
      queue.add('files', [content('long', 40)]);
      queue.add('files', [content('less', 20)]);
      queue.add('files', [content('less-too', 1)]);
      while (queue.isBusy) clock.advance(1);
      assert.deepEqual(parsed, [
        'files: version (long)',
        'files: version (less)',
        'files: version (less-too)',
      ]);
    });

    test('nothing is before it → at once', () => {
      const { queue, parsed } = rig(0, withdraws);
      queue.add('files', [content('less', 1)]);
      assert.deepEqual(parsed, ['files: version (less)']);
    });
  });

  test('end of the first read → after everything before it and before everything after it', () => {
    const { queue, clock, parsed } = rig(6);
    queue.add('files', [content('a', 10)]);
    queue.add('files', [{ kind: 'synced' }]);
    queue.add('files', [content('b', 1)]);
    queue.add('cluster', [{ kind: 'synced' }]);
    while (queue.isBusy) clock.advance(1);
    assert.deepEqual(parsed, [
      'cluster: synced ()',
      'files: version (a)',
      'files: synced ()',
      'files: version (b)',
    ]);
  });

  test('file that changes faster than it is parsed → versions that no one has begun are skipped', () => {
    const { queue, clock, parsed } = rig(6);
    for (let version = 1; version <= 50; version += 1) queue.add('files', [content('a', 10 + version)]);
    queue.add('files', [{ kind: 'gone', path: 'a', evidence: 'deletion' }]);
    while (queue.isBusy) clock.advance(1);
    assert.deepEqual(parsed, ['files: version (a)', 'files: version (a)', 'files: gone ()']);
  });

  test('newer version of a file for which a removal waits → the version before the removal stays, too', () => {
    const { queue, clock, parsed } = rig(6);
    queue.add('files', [content('a', 10)]);
    queue.add('files', [content('a', 11)]);
    queue.add('files', [{ kind: 'gone', path: 'b', evidence: 'deletion' }]);
    queue.add('files', [content('a', 12)]);
    queue.add('files', [content('a', 13)]);
    while (queue.isBusy) clock.advance(1);
    assert.deepEqual(parsed, [
      'files: version (a)',
      'files: version (a)',
      'files: gone ()',
      'files: version (a)',
    ]);
  });

  test('newer version of a file for which another text may wait → the version before that text stays, too', () => {
    const { queue, clock, parsed } = rig(6, (_, events) =>
      events.some((event) => 'path' in event && event.path === 'b'),
    );
    queue.add('files', [content('a', 10)]);
    queue.add('files', [content('a', 11)]);
    queue.add('files', [content('b', 12)]);
    queue.add('files', [content('a', 13)]);
    while (queue.isBusy) clock.advance(1);
    assert.deepEqual(parsed, [
      'files: version (a)',
      'files: version (a)',
      'files: version (b)',
      'files: version (a)',
    ]);
  });

  test('newer version of a file for which a parsed text of a batch may wait → the version before stays, too', () => {
    const turns: (() => void)[] = [];
    let time = 0;
    const parsed: string[] = [];
    const queue = createParseQueue({
      parse,
      clock: {
        ...createFakeClock(),
        monotonic: () => (time += 6),
        after(_, callback) {
          turns.push(callback);
          return () => undefined;
        },
      },
      withdraws: (_, events) => events.some((event) => 'path' in event && event.path === 'b'),
      parsed: (_source, _events, paths) => parsed.push(paths.join(' ')),
    });
    queue.add('files', [content('a', 40)]);
    queue.add('files', [content('a', 11)]);
    queue.add('files', [content('b', 1), content('c', 40, false)]);
    // The text of b is parsed then, and that of c is not.
    for (let turn = 0; turn < 10; turn += 1) turns.shift()?.();
    assert.deepEqual(parsed, []);
    queue.add('files', [content('a', 13)]);
    while (queue.isBusy) turns.shift()?.();
    assert.deepEqual(parsed, ['a', 'a', 'b c', 'a']);
  });

  for (const [length, comment, least, most] of [
    ['short', '', 20, 100],
    ['long', `#${'x'.repeat(2 ** 20)}\n`, 2, 5],
  ] as const)
    test(`${length} file that changes faster than it is parsed, with removals between → some versions are kept`, () => {
      const { queue, clock, parsed } = rig(6);
      for (let version = 1; version <= 150; version += 1) {
        queue.add('files', [{ kind: 'content', path: 'a', text: comment + text(version), settled: true }]);
        queue.add('files', [{ kind: 'gone', path: `b${version}`, evidence: 'deletion' }]);
      }
      while (queue.isBusy) clock.advance(10);
      const versions = parsed.filter((line) => line === 'files: version (a)').length;
      assert.ok(versions >= least && versions <= most, `${versions} versions`);
      assert.equal(parsed.length - versions, 150);
    });

  test('version that is not settled, after a settled one that waits → both are parsed', () => {
    const { queue, clock, parsed } = rig(6);
    queue.add('files', [content('a', 10)]);
    queue.add('files', [content('a', 11)]);
    for (let version = 12; version <= 20; version += 1) queue.add('files', [content('a', version, false)]);
    while (queue.isBusy) clock.advance(1);
    assert.deepEqual(parsed, ['files: version (a)', 'files: version (a)', 'files: version (a)']);
  });

  test('text on which the parser throws an error → counts as unreadable, and holds nothing back', () => {
    const events: LedgerEvent[] = [];
    const errors: unknown[] = [];
    const defect = new TypeError('a quotation of the text');
    let isBroken = true;
    const queue = createParseQueue({
      parse() {
        if (isBroken) throw defect;
        return parse;
      },
      clock: createFakeClock(),
      withdraws: () => false,
      parsed: (_, batch) => void events.push(...batch),
      failed: (...failure) => void errors.push(failure),
    });
    queue.add('files', [content('a', 1)]);
    isBroken = false;
    queue.add('files', [content('b', 1), { kind: 'synced' }]);
    queue.add('files', [content('a', 1)]);
    assert.deepEqual(events[0], {
      kind: 'unreadable',
      path: 'a',
      reason: 'the parser failed (TypeError)',
    });
    assert.deepEqual(errors, [['files', 'a', defect]]);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['unreadable', 'version', 'synced', 'version'],
    );
    assert.equal(queue.isBusy, false);
  });

  test('closed while it is busy → nothing more is parsed', () => {
    const { queue, clock, parsed } = rig(6);
    queue.add('files', [content('a', 10)]);
    queue.close();
    clock.advance(100);
    assert.deepEqual([parsed, clock.pending()], [[], 0]);
  });
});
