import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FrameReader } from '../../src/http2/frame-reader.ts';
import { frameType } from '../../src/http2/frame.ts';
import { frame, preface } from './rig.ts';

/** Returns which reads handed each frame of a client out in their own buffer, for bytes that arrive in these parts. */
function handed(parts: readonly Buffer[]): readonly boolean[] {
  const inPlace: boolean[] = [];
  let current: Buffer | undefined;
  const reader = new FrameReader({
    preface: () => undefined,
    notHttp2: () => assert.fail('not HTTP/2'),
    tooLarge: () => assert.fail('too large'),
    dataBegins: () => true,
    dataPart: (source) => void inPlace.push(source === current),
    frame(_type, _flags, _streamId, source) {
      inPlace.push(source === current);
      return true;
    },
  });
  for (const part of parts) {
    current = part;
    reader.read(part, 0, part.length);
  }
  return inPlace;
}

suite('buffers of frames', () => {
  const ping = frame(frameType.ping, 0, 0, Buffer.alloc(8));
  const data = frame(frameType.data, 0, 1, Buffer.alloc(8));

  test('whole frames: are handed out where they arrived', () => {
    assert.deepEqual(handed([Buffer.concat([preface, ping, data, ping])]), [true, true, true, true]);
  });

  test('frame in two reads: is copied, unless it is DATA; frames after it are not', () => {
    const split = (bytes: Buffer): readonly Buffer[] => [
      Buffer.concat([preface, bytes.subarray(0, 12)]),
      Buffer.concat([bytes.subarray(12), ping]),
    ];
    assert.deepEqual(handed(split(ping)), [true, false, true]);
    assert.deepEqual(handed(split(data)), [true, true, true, true]);
  });
});
