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
  reason: 'unexpected TypeError',
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
    throwsAfterwards: false,
    isFailed: false,
  };
  const delivery = createSourceDelivery({
    apply(source, events) {
      attempts += 1;
      if (source === 'files' && state.refuses(events)) throw new TypeError('quotes the content');
      batches.push(events);
      for (const { kind } of events)
        if (kind === 'failed' || kind === 'recovered') state.isFailed = kind === 'failed';
      if (state.throwsAfterwards) throw new TypeError('quotes the content');
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
    /** Makes the function accept all batches, and throw an error after that. */
    throwAfterwards: (throwsAfterwards: boolean): void => {
      state.refuses = nothing;
      state.throwsAfterwards = throwsAfterwards;
    },
    /** Returns whether the last report of the source was a failure. */
    isFailed: () => state.isFailed,
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
    assert.deepEqual(take(), [[content('a'), synced, content('b')], [recovery]]);
    deliver(content('c'));
    assert.deepEqual(take(), [[content('c')]]);
  });

  test('confirmation of earlier events → brings the events that were not applied', () => {
    const { deliver, take, refuse } = rig();
    deliver(content('a'));
    refuse(nothing);
    deliver();
    assert.deepEqual(take(), [[failure], [content('a')], [recovery]]);
  });

  test('no further batch → applied after a second, and after pauses that double up to a minute', () => {
    const { deliver, take, refuse, clock, attempts } = rig();
    deliver(content('a'));
    const before = attempts();
    for (const pause of [1, 2, 4, 8, 16, 32, 60, 60]) clock.advance(pause * 1_000);
    // Each attempt also reports the failure.
    assert.equal(attempts() - before, 2 * 8);
    take();
    refuse(nothing);
    clock.advance(59_999);
    assert.deepEqual(take(), []);
    clock.advance(1);
    assert.deepEqual(take(), [[content('a')], [recovery]]);
    assert.equal(clock.pending(), 0);
  });

  test('batches that follow quickly → do not make the pause longer', () => {
    const { deliver, take, refuse, clock } = rig();
    for (let at = 0; at < 100; at += 1) deliver(content('a', `${at}`));
    take();
    refuse(nothing);
    clock.advance(1_000);
    assert.deepEqual(take(), [[content('a', '99')], [recovery]]);
  });

  test('removal of a file whose resource moved to a file that cannot be applied → waits for that file', () => {
    const { deliver, take, refuse } = rig();
    deliver(content('new'));
    deliver(gone('old'));
    assert.deepEqual(take(), [[failure], [failure]]);
    refuse(nothing);
    deliver();
    assert.deepEqual(take(), [[content('new'), gone('old')], [recovery]]);
  });

  test('deletion that cannot be applied → is applied again', () => {
    const { deliver, take, refuse, clock } = rig();
    refuse((events) => events.some(({ kind }) => kind === 'gone'));
    deliver(gone('a'));
    refuse(nothing);
    clock.advance(1_000);
    assert.deepEqual(take(), [[failure], [gone('a')], [recovery]]);
  });

  test('many changes while nothing can be applied → the newest text of each path is left', () => {
    const { deliver, take, refuse } = rig();
    for (let at = 0; at < 1_000; at += 1) deliver(content('a', `a${at}`), content('b', `b${at}`));
    take();
    refuse(nothing);
    deliver();
    assert.deepEqual(take(), [[content('a', 'a999'), content('b', 'b999')], [recovery]]);
  });

  test('not even the failure can be applied → it is reported after each attempt', () => {
    const { deliver, take, refuse } = rig();
    refuse(everything);
    deliver(content('a'));
    refuse((events) => events.some(({ kind }) => kind === 'content'));
    deliver();
    deliver();
    assert.deepEqual(take(), [[failure], [failure]]);
  });

  test('recovery that cannot be applied → comes again, after the events', () => {
    const { deliver, take, refuse } = rig();
    deliver(content('a'));
    refuse((events) => events.some(({ kind }) => kind === 'recovered'));
    deliver();
    refuse(nothing);
    deliver();
    assert.deepEqual(take(), [[failure], [content('a')], [failure], [content('a')], [recovery]]);
  });

  test('errors after the events were accepted → the source counts as failed until an attempt succeeds', () => {
    const { deliver, isFailed, throwAfterwards } = rig();
    throwAfterwards(true);
    deliver(content('a'));
    assert.equal(isFailed(), true);
    deliver(content('b'));
    assert.equal(isFailed(), true);
    throwAfterwards(false);
    deliver();
    assert.equal(isFailed(), false);
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
    assert.deepEqual(take()[0], [failure]);
    refuse(nothing);
    clock.advance(60_000);
    // A text that may be incomplete comes a second time, after the end of the first read.
    const kinds = take().flatMap((events) => events.map(({ kind }) => kind));
    assert.deepEqual(kinds.slice(0, 2), ['content', 'synced']);
  });
});
