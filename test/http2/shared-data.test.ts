import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SharedData } from '../../src/http2/shared-data.ts';
import * as fc from '../kit/fast-check.ts';
import { flag, frameType } from '../../src/http2/frame.ts';
import { frame, makeConnection, postBlock, preface } from './rig.ts';

/** Returns the payloads and the stream identifiers of DATA frames. */
function parse(frames: Buffer): { readonly payloads: Buffer[]; readonly ids: number[] } {
  const [payloads, ids]: [Buffer[], number[]] = [[], []];
  for (let at = 0; at < frames.length;) {
    const length = frames.readUIntBE(at, 3);
    assert.deepEqual([frames[at + 3], frames[at + 4]], [0, 0]);
    ids.push(frames.readUInt32BE(at + 5));
    payloads.push(frames.subarray(at + 9, at + 9 + length));
    at += 9 + length;
  }
  return { payloads, ids };
}

/** Returns bytes that differ from those next to them, and from those 16 KiB away. */
function bytesOf(length: number): Buffer {
  return Buffer.from(
    Uint8Array.from({ length }, (_, index) => (index * 31 + Math.floor(index / 1_021)) % 256),
  );
}

suite('shared data', () => {
  for (const [length, lengths] of [
    [0, [0]],
    [1, [1]],
    [16_384, [16_384]],
    [16_385, [16_384, 1]],
    [40_000, [16_384, 16_384, 7_232]],
  ] as const) {
    test(`${length} bytes: are in DATA frames that every client accepts`, () => {
      const { payloads } = parse(new SharedData([bytesOf(length)]).framesFor(1));
      assert.deepEqual(
        payloads.map((payload) => payload.length),
        lengths,
      );
      assert.ok(Buffer.concat(payloads).equals(bytesOf(length)));
    });
  }

  test('parts of any length: frames of all streams, and every range of the payload, have their bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40_000), { maxLength: 4 }), fc.nat(), fc.nat(), (lengths, start, end) => {
        const payload = bytesOf(lengths.reduce((sum, length) => sum + length, 0));
        let at = 0;
        const parts = lengths.map((length) => payload.subarray(at, (at += length)));
        const data = new SharedData(parts);
        assert.equal(data.length, payload.length);
        const copy = Buffer.alloc(3 + data.framesLength);
        data.copyFrames(copy, 3, 9);
        for (const [frames, id] of [
          [data.framesFor(1), 1],
          [data.framesFor(7), 7],
          [copy.subarray(3), 9],
        ] as const) {
          const read = parse(frames);
          assert.ok(Buffer.concat(read.payloads).equals(payload));
          assert.ok(read.ids.every((each) => each === id));
        }
        const from = start % (payload.length + 1);
        const range = Buffer.alloc(end % (payload.length - from + 1));
        data.copyPayload(range, 0, from, range.length);
        assert.ok(range.equals(payload.subarray(from, from + range.length)));
      }),
      { numRuns: 50 },
    );
  });

  test('long response within the windows: is written at once, and is not copied for each client', () => {
    const data = new SharedData([bytesOf(100_000)]);
    // INITIAL_WINDOW_SIZE and the increment are 1 MiB.
    const large = Buffer.of(0, 16, 0, 0);
    for (const rig of [makeConnection(), makeConnection()]) {
      rig.feed(
        Buffer.concat([
          preface,
          frame(frameType.settings, 0, 0, Buffer.concat([Buffer.of(0, 4), large])),
          frame(frameType.windowUpdate, 0, 0, large),
          frame(frameType.headers, flag.endHeaders, 1, postBlock()),
        ]),
      );
      rig.streams[0]?.send(data);
      rig.tick();
      assert.equal(rig.lastWrite(), data.framesFor(1));
    }
  });
});
