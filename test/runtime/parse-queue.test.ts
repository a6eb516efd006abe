import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createParseQueue } from '../../src/runtime/parse-queue.ts';
import type { ParseQueue } from '../../src/runtime/parse-queue.ts';
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

/** A queue whose clock goes on by so much each time it is read, as if each step took that. */
function rig(stepMs: number): {
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
    parsed: (source, events, paths) =>
      parsed.push(`${source}: ${events.map(({ kind }) => kind).join(' ')} (${paths.join(' ')})`),
  });
  return { queue, clock, parsed, turns: () => turns };
}

describe('parse queue', () => {
  it('a batch that is quick → parsed at once', () => {
    const { queue, parsed } = rig(0);
    queue.add('files', [
      content('a', 3),
      { kind: 'gone', path: 'b', evidence: 'deletion' },
      { kind: 'synced' },
    ]);
    assert.deepEqual(parsed, ['files: version gone synced (a)']);
    assert.equal(queue.isBusy, false);
  });

  it('many documents that take time → other work has its turn between them', () => {
    const { queue, clock, parsed, turns } = rig(6);
    queue.add('files', [content('a', 10)]);
    assert.deepEqual(parsed, []);
    while (queue.isBusy) clock.advance(1);
    assert.ok(turns() >= 5, `${turns()} turns`);
    assert.deepEqual(parsed, ['files: version (a)']);
  });

  it('batches that come meanwhile → after it, in their order', () => {
    const { queue, clock, parsed } = rig(6);
    queue.add('files', [content('a', 10)]);
    queue.add('files', [{ kind: 'synced' }]);
    queue.add('cluster', [content('b', 1)]);
    while (queue.isBusy) clock.advance(1);
    assert.deepEqual(parsed, ['files: version (a)', 'files: synced ()', 'cluster: version (b)']);
  });

  it('closed while it is busy → nothing more is parsed', () => {
    const { queue, clock, parsed } = rig(6);
    queue.add('files', [content('a', 10)]);
    queue.close();
    clock.advance(100);
    assert.deepEqual([parsed, clock.pending()], [[], 0]);
  });
});
