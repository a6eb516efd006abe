import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createAckCounter } from '../../src/fleet/count-acks.ts';
import { secretTypeUrl as typeUrl } from '../../src/trust/snapshot/publisher.ts';
import { streamOf } from './scene.ts';

const stream = streamOf(1);

/** Creates a counter, with functions named after events. A response has `changed` secrets, and removes `gone`. */
function counting() {
  const counter = createAckCounter();
  const { observer } = counter;
  let calls = 0;
  counter.whenAcked(() => (calls += 1));
  return {
    publishing: () => counter.publishing(),
    sends: (changed: number, gone = 0): void => {
      const resources = Array.from({ length: changed }, (_, index) => {
        return { name: `changed-${index}`, version: 'v', body: new Uint8Array() };
      });
      const removed = Array.from({ length: gone }, (_, index) => `gone-${index}`);
      observer.response?.(stream, {
        typeUrl,
        version: '',
        resources,
        removed,
        nonce: '1',
        bytes: new Uint8Array(),
      });
    },
    acks: (count = 1): void => {
      for (let index = 0; index < count; index += 1)
        observer.acked?.(stream, { typeUrl, name: '', version: 'v', nonce: '1', unconfirmed: false });
    },
    fannedOut: () => observer.fannedOut?.({ visits: 1, durationMs: 1, slices: 1 }),
    /** Number of callbacks since the last call. */
    calls: (): number => {
      const before = calls;
      calls = 0;
      return before;
    },
  };
}

suite('count of acknowledgements', () => {
  test('last one after the end of the fan-out: calls back, once', () => {
    const { publishing, sends, fannedOut, acks, calls } = counting();
    publishing();
    sends(1);
    sends(2);
    fannedOut();
    acks(2);
    assert.equal(calls(), 0);
    acks();
    assert.equal(calls(), 1);
    sends(1);
    acks(2);
    fannedOut();
    assert.equal(calls(), 0);
  });

  test('all that was sent is acknowledged, but not all streams were notified: waits for the end of the fan-out', () => {
    const { publishing, sends, fannedOut, acks, calls } = counting();
    publishing();
    sends(1);
    acks();
    assert.equal(calls(), 0);
    fannedOut();
    assert.equal(calls(), 1);
  });

  test('removed secrets: are acknowledged, too', () => {
    const { publishing, sends, fannedOut, acks, calls } = counting();
    publishing();
    sends(1, 1);
    fannedOut();
    acks();
    assert.equal(calls(), 0);
    acks();
    assert.equal(calls(), 1);
  });

  test('next change: begins from zero', () => {
    const { publishing, sends, fannedOut, acks, calls } = counting();
    publishing();
    sends(3);
    fannedOut();
    acks(2);
    publishing();
    sends(3);
    fannedOut();
    acks(2);
    assert.equal(calls(), 0);
    acks();
    assert.equal(calls(), 1);
  });

  test('two changes, one after the other: calls back for each', () => {
    const { publishing, sends, fannedOut, acks, calls } = counting();
    for (let change = 1; change <= 2; change += 1) {
      publishing();
      sends(2);
      fannedOut();
      acks(2);
      assert.equal(calls(), 1);
    }
  });

  test('a change that no stream needs: the one before it ends all the same', () => {
    const { publishing, sends, fannedOut, acks, calls } = counting();
    publishing();
    sends(2);
    fannedOut();
    publishing();
    acks(2);
    assert.equal(calls(), 1);
  });

  test('nothing was sent to any stream: waits for the first response', () => {
    const { publishing, sends, fannedOut, acks, calls } = counting();
    publishing();
    fannedOut();
    acks();
    assert.equal(calls(), 0);
    sends(2);
    fannedOut();
    acks();
    assert.equal(calls(), 0);
    acks();
    assert.equal(calls(), 1);
  });

  test('no change yet: does not call back', () => {
    const { sends, fannedOut, acks, calls } = counting();
    sends(1);
    acks();
    fannedOut();
    assert.equal(calls(), 0);
  });
});
