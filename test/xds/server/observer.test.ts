import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { combineObservers, createSafeObserver } from '../../../src/xds/server/observer.ts';
import type { XdsObserver } from '../../../src/xds/server/observer.ts';
import { ackOf, nackOf, streamOf } from '../../observe/streams.ts';

const closed = { code: 'CANCELLED', message: '', by: 'client' } as const;

suite('combined observers', () => {
  test('event: is passed to each observer, in order', () => {
    const events: string[] = [];
    const observer = combineObservers([
      { acked: (stream, { name }) => events.push(`1 acked ${stream.nodeId} ${name}`) },
      {
        streamOpened: () => events.push('2 opened'),
        streamClosed: () => events.push('2 closed'),
        request: () => events.push('2 request'),
        response: () => events.push('2 response'),
        acked: () => events.push('2 acked'),
        quoted: () => events.push('2 quoted'),
        nacked: () => events.push('2 nacked'),
        dropped: () => events.push('2 dropped'),
        fetched: () => events.push('2 fetched'),
        fannedOut: () => events.push('2 fannedOut'),
        failed: () => events.push('2 failed'),
      },
    ]);
    const stream = streamOf({ nodeId: 'n' });
    const content = {
      typeUrl: '',
      version: '',
      resources: [],
      removed: [],
      nonce: '',
      bytes: new Uint8Array(),
    };
    observer.streamOpened(stream);
    observer.request(stream, { typeUrl: '', kind: 'initial', isSubscribed: true });
    observer.response(stream, content);
    observer.acked(stream, ackOf('ALL', 'v'));
    observer.quoted(stream, { typeUrl: '', name: '', version: '', unconfirmed: false });
    observer.nacked(stream, nackOf('no'));
    observer.dropped(stream, { typeUrl: '', name: '' });
    observer.fetched({ transport: 'sds', address: '', outcome: 'response' });
    observer.fannedOut({ visits: 1, durationMs: 1, slices: 1 });
    observer.failed(stream, new Error('fault'));
    observer.streamClosed(stream, closed);
    const all = 'opened request response acked quoted nacked dropped fetched fannedOut failed closed'.split(
      ' ',
    );
    assert.deepEqual(
      events.filter((line) => line.startsWith('2')),
      all.map((what) => `2 ${what}`),
    );
    assert.deepEqual(events.slice(3, 5), ['1 acked n ALL', '2 acked']);
  });
});

suite('safe observer', () => {
  test('observer throws → other events still reach it, and the process warns once', async () => {
    const seen: string[] = [];
    const observer = createSafeObserver({
      slowed: () => {
        throw new Error('broken');
      },
      caughtUp: () => seen.push('caughtUp'),
    });
    const warned: Error[] = [];
    const listen = (warning: Error): number => warned.push(warning);
    process.on('warning', listen);
    observer.slowed(streamOf({}));
    observer.slowed(streamOf({}));
    observer.caughtUp(streamOf({}));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    assert.deepEqual(seen, ['caughtUp']);
    assert.deepEqual(
      warned.map(({ message }) => message.includes('an xDS observer threw an error')),
      [true],
    );
  });

  test('method uses this → it is called on its observer, with all arguments', () => {
    class Recorder implements XdsObserver {
      readonly seen: unknown[] = [];
      cutOff(...event: unknown[]): void {
        this.seen.push(event);
      }
    }
    const alone = new Recorder();
    const combined = new Recorder();
    const stream = streamOf({});
    createSafeObserver(alone).cutOff(stream, 7);
    combineObservers([combined]).cutOff(stream, 7);
    assert.deepEqual([alone.seen, combined.seen], [[[stream, 7]], [[stream, 7]]]);
  });

  test('observer without methods → no event does anything', () => {
    const observer = createSafeObserver({});
    observer.streamsWaiting(1);
    observer.failed(streamOf({}), new Error('fault'));
  });
});
