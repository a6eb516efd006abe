import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { createSourceDelivery } from '../../src/app/source-delivery.ts';
import { watchDirectory } from '../../src/inputs/directory/watch-directory.ts';
import type { SourceEvent } from '../../src/trust/source.ts';
import { createFakeClock } from '../kit/fake-clock.ts';
import { makeTempDir } from '../kit/temp-dir.ts';

const content = (path: string, text = 'a'): SourceEvent => ({ kind: 'content', path, text, settled: true });
const gone = (path: string): SourceEvent => ({ kind: 'gone', path, evidence: 'deletion' });
const synced: SourceEvent = { kind: 'synced' };
const failure: SourceEvent = {
  kind: 'failed',
  path: 'events of files',
  reason: 'its events cannot be applied: a defect',
};
const recovery: SourceEvent = { kind: 'recovered', path: 'events of files' };

/** A delivery to a function that throws an error for the batches that `refuses` names, at first for all with texts. */
function rig() {
  const clock = createFakeClock();
  const batches: (readonly SourceEvent[])[] = [];
  const log: string[] = [];
  let attempts = 0;
  const state = {
    refuses: (events: readonly SourceEvent[]) => events.some(({ kind }) => kind === 'content'),
  };
  const delivery = createSourceDelivery({
    apply(source, events) {
      attempts += 1;
      if (source === 'files' && state.refuses(events)) throw new Error('a defect');
      batches.push(events);
    },
    clock,
    log: {
      error: ({ event }: { readonly event: string }) => void log.push(event),
      info: ({ event }: { readonly event: string }) => void log.push(event),
    } as never,
  });
  return {
    clock,
    log,
    deliver: (...events: readonly SourceEvent[]) => delivery.deliver('files', events),
    deliverOther: (...events: readonly SourceEvent[]) => delivery.deliver('kubernetes', events),
    refuse: (refuses: (events: readonly SourceEvent[]) => boolean): void => {
      state.refuses = refuses;
    },
    /** Returns the batches that were applied since the last call. */
    take: () => batches.splice(0),
    attempts: () => attempts,
    close: () => delivery[Symbol.dispose](),
  };
}

const nothing = (): boolean => false;
const everything = (): boolean => true;

suite('delivery of the events of sources', () => {
  test('batch that can be applied → is passed as it is, also an empty one', () => {
    const { deliver, take, log, clock } = rig();
    const events = [gone('a'), gone('a'), synced];
    deliver(...events);
    deliver();
    assert.deepEqual([take(), log, clock.pending()], [[events, []], [], 0]);
  });

  test('batch that cannot be applied → a failure; it is applied with the next batch, in one step', () => {
    const { deliver, take, refuse } = rig();
    deliver(content('a'), synced);
    assert.deepEqual(take(), [[failure]]);
    refuse(nothing);
    deliver(content('b'));
    assert.deepEqual(take(), [[recovery, content('a'), synced, content('b')]]);
    deliver(content('c'));
    assert.deepEqual(take(), [[content('c')]]);
  });

  test('confirmation of earlier events → brings the events that were not applied', () => {
    const { deliver, take, refuse } = rig();
    deliver(content('a'));
    refuse(nothing);
    deliver();
    assert.deepEqual(take(), [[failure], [recovery, content('a')]]);
  });

  test('no further batch → applied after a second, and after pauses that double up to a minute', () => {
    const { deliver, take, refuse, clock, attempts } = rig();
    deliver(content('a'));
    const before = attempts();
    for (const pause of [1, 2, 4, 8, 16, 32, 60, 60]) clock.advance(pause * 1_000);
    assert.equal(attempts() - before, 8);
    refuse(nothing);
    clock.advance(59_999);
    assert.deepEqual(take(), [[failure]]);
    clock.advance(1);
    assert.deepEqual(take(), [[recovery, content('a')]]);
    assert.equal(clock.pending(), 0);
  });

  test('batches that follow quickly → do not make the pause longer', () => {
    const { deliver, take, refuse, clock } = rig();
    for (let at = 0; at < 100; at += 1) deliver(content('a', `${at}`));
    refuse(nothing);
    clock.advance(1_000);
    assert.deepEqual(take(), [[failure], [recovery, content('a', '99')]]);
  });

  test('removal of a file whose resource moved to a file that cannot be applied → waits for that file', () => {
    const { deliver, take, refuse } = rig();
    deliver(content('new'));
    deliver(gone('old'));
    assert.deepEqual(take(), [[failure]]);
    refuse(nothing);
    deliver();
    assert.deepEqual(take(), [[recovery, content('new'), gone('old')]]);
  });

  test('deletion that cannot be applied → is applied again', () => {
    const { deliver, take, refuse, clock } = rig();
    refuse((events) => events.some(({ kind }) => kind === 'gone'));
    deliver(gone('a'));
    refuse(nothing);
    clock.advance(1_000);
    assert.deepEqual(take(), [[failure], [recovery, gone('a')]]);
  });

  test('many changes while nothing can be applied → the newest text of each path is left', () => {
    const { deliver, take, refuse } = rig();
    for (let at = 0; at < 1_000; at += 1) deliver(content('a', `a${at}`), content('b', `b${at}`));
    refuse(nothing);
    deliver();
    assert.deepEqual(take(), [[failure], [recovery, content('a', 'a999'), content('b', 'b999')]]);
  });

  test('not even the failure can be applied → it is reported as soon as that is possible', () => {
    const { deliver, take, refuse } = rig();
    refuse(everything);
    deliver(content('a'));
    refuse((events) => events.some(({ kind }) => kind === 'content'));
    deliver();
    deliver();
    assert.deepEqual(take(), [[failure]]);
  });

  test('failure that was never reported → no recovery', () => {
    const { deliver, take, refuse } = rig();
    refuse(everything);
    deliver(content('a'));
    refuse(nothing);
    deliver();
    assert.deepEqual(take(), [[content('a')]]);
  });

  test('log → one line for all failures, one when the events are applied again, and the same the next time', () => {
    const { deliver, refuse, clock, log } = rig();
    for (let round = 0; round < 2; round += 1) {
      refuse(everything);
      for (let at = 0; at < 5; at += 1) deliver(content('a'));
      clock.advance(10_000);
      refuse(nothing);
      deliver();
    }
    const once = ['source-undelivered', 'source-delivered'];
    assert.deepEqual(log, [...once, ...once]);
  });

  test('other source → is not affected', () => {
    const { deliver, deliverOther, take } = rig();
    deliver(content('a'));
    deliverOther(content('b'));
    assert.deepEqual(take(), [[failure], [content('b')]]);
  });

  test('closed → no timer, and nothing more is applied', () => {
    const { deliver, take, refuse, clock, close } = rig();
    deliver(content('a'));
    take();
    close();
    refuse(nothing);
    deliver(content('b'));
    clock.advance(100_000);
    assert.deepEqual([take(), clock.pending()], [[], 0]);
  });

  test('first read of a directory that cannot be applied → the file and the end of the read come again', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), 'a');
    const { deliver, take, refuse, clock } = rig();
    const read = Promise.withResolvers<void>();
    const source = watchDirectory({ roots: [dir.path] }, (events) => {
      deliver(...events);
      if (events.some(({ kind }) => kind === 'synced')) read.resolve();
    });
    await read.promise;
    await source.close();
    assert.deepEqual(take(), [[failure]]);
    refuse(nothing);
    clock.advance(60_000);
    // A text that may be incomplete comes a second time, after the end of the first read.
    const kinds = take().flatMap((events) => events.map(({ kind }) => kind));
    assert.deepEqual(kinds.slice(0, 3), ['recovered', 'content', 'synced']);
  });
});
