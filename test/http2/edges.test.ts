import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { errorCode, flag, frameType } from '../../src/http2/frame.ts';
import { encodeLiteral } from '../../src/http2/hpack/encode-field.ts';
import { SharedData } from '../../src/http2/shared-data.ts';
import type { ServerStream } from '../../src/http2/stream.ts';
import { frame, makeConnection, postBlock, preface } from './rig.ts';
import type { ConnectionRig } from './rig.ts';

const { data, goAway, headers, rstStream, settings, windowUpdate } = frameType;
const endBoth = flag.endHeaders | flag.endStream;
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const request = (id: number, flags: number = flag.endHeaders): Buffer =>
  frame(headers, flags, id, postBlock());
const update = (id: number, by: number): Buffer => frame(windowUpdate, 0, id, uint32(by));
const windowOf = (bytes: number): Buffer =>
  frame(settings, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(bytes)]));
const trailers = encodeLiteral('x-done', 'yes', 'none');

/** Returns a connection that has read these frames, and whose first frames were sent. */
function reading(...frames: readonly Buffer[]): ConnectionRig {
  const rig = makeConnection();
  rig.feed(Buffer.concat([preface, ...frames]));
  rig.tick();
  rig.sent();
  return rig;
}

function first(rig: ConnectionRig): ServerStream {
  const [stream] = rig.streams;
  assert.ok(stream !== undefined);
  return stream;
}

/** Returns the frames that were sent: type, stream, and the error code or the length. */
function sentBy(rig: ConnectionRig): readonly string[] {
  rig.tick();
  return rig.sent().map(({ type, streamId, payload }) => {
    const code =
      type === 'rstStream'
        ? payload.readUInt32BE()
        : type === 'goAway'
          ? payload.readUInt32BE(4)
          : payload.length;
    return `${type} ${streamId} ${code}`;
  });
}

suite('HTTP/2: states of streams', () => {
  test('GOAWAY of the client: its later requests are served (RFC 9113, section 6.8)', () => {
    const rig = reading(request(1), frame(goAway, 0, 0, Buffer.alloc(8)), request(3));
    assert.deepEqual(rig.events, ['request 1 POST /x', 'request 3 POST /x']);
  });

  test('RST_STREAM on a half-closed stream whose response waits: the response is dropped', () => {
    const rig = reading(windowOf(1), request(1, endBoth));
    const stream = first(rig);
    stream.send(new SharedData([Buffer.alloc(100)]));
    stream.end(() => trailers);
    rig.tick();
    rig.sent();
    rig.feed(Buffer.concat([frame(rstStream, 0, 1, uint32(8)), update(1, 1_000), windowOf(5_000)]));
    assert.deepEqual(sentBy(rig), ['settings 0 0']);
    assert.deepEqual([rig.connection.streamCount, rig.budget.used], [0, 0]);
  });

  test('END_STREAM while the response waits: the response ends without RST_STREAM', () => {
    const rig = reading(windowOf(1), request(1));
    const stream = first(rig);
    stream.send(new SharedData([Buffer.alloc(3)]));
    stream.end(() => trailers);
    rig.feed(Buffer.concat([frame(data, flag.endStream, 1), update(1, 2)]));
    assert.deepEqual(sentBy(rig), ['data 1 1', 'data 1 2', `headers 1 ${trailers.length}`]);
    assert.equal(rig.connection.streamCount, 0);
  });

  test('window of a stream above 2^31-1: RST_STREAM, and other streams continue', () => {
    const rig = reading(request(1), request(3), update(1, 2 ** 31 - 1));
    assert.deepEqual(rig.events, ['request 1 POST /x', 'request 3 POST /x', 'aborted 1']);
    rig.feed(frame(data, flag.endStream, 3));
    assert.equal(rig.events.at(-1), 'ended 3');
  });

  test('last stream identifier: is served, and no other can follow', () => {
    const last = 2 ** 31 - 1;
    const rig = reading(request(last));
    assert.deepEqual(rig.events, [`request ${last} POST /x`]);
    rig.feed(request(1));
    assert.deepEqual(rig.events.slice(1), [`aborted ${last}`, 'failed 5 HEADERS is on a closed stream']);
    assert.deepEqual(sentBy(rig), [`goAway 0 ${errorCode.streamClosed}`]);
  });

  test('final GOAWAY while data waits: the data and the trailers are still sent', () => {
    const rig = reading(windowOf(0), request(1, endBoth));
    const stream = first(rig);
    stream.send(new SharedData([Buffer.alloc(3)]));
    stream.end(() => trailers);
    rig.connection.retire(true);
    rig.feed(Buffer.concat([request(3), update(1, 3)]));
    assert.deepEqual(sentBy(rig), ['goAway 0 0', 'data 1 3', `headers 1 ${trailers.length}`]);
  });

  test('window that several SETTINGS make negative: nothing is sent until it is positive (section 6.9.2)', () => {
    const rig = reading(windowOf(100), request(1));
    const stream = first(rig);
    stream.send(new SharedData([Buffer.alloc(150)]));
    rig.feed(Buffer.concat([windowOf(50), windowOf(10)]));
    assert.equal(stream.sendWindow, -90);
    assert.deepEqual(sentBy(rig), ['data 1 100', 'settings 0 0', 'settings 0 0']);
    rig.feed(Buffer.concat([update(1, 90), windowOf(9), update(1, 1)]));
    assert.deepEqual(sentBy(rig), ['settings 0 0']);
    rig.feed(update(1, 60));
    assert.deepEqual(sentBy(rig), ['data 1 50']);
  });
});

suite('HTTP/2: handlers that act within a callback', () => {
  const nothing = { data: () => undefined, ended: () => undefined, aborted: () => undefined };

  test('reset at the first data: the rest of the read is ignored, other streams are read', () => {
    const rig = reading(request(1), request(3));
    let calls = 0;
    const stream = first(rig);
    stream.handler = {
      ...nothing,
      data: () => {
        calls += 1;
        stream.reset(errorCode.cancel);
      },
    };
    rig.feed(
      Buffer.concat([
        frame(data, 0, 1, Buffer.alloc(100)),
        frame(data, flag.endStream, 1, Buffer.alloc(100)),
        frame(data, 0, 3, Buffer.from('x')),
      ]),
      30,
    );
    assert.equal(calls, 1);
    assert.deepEqual(rig.events.slice(2), ['data 3 x']);
    assert.deepEqual(sentBy(rig), [`rstStream 1 ${errorCode.cancel}`]);
    assert.equal(rig.connection.streamCount, 1);
  });

  test('close of the connection at the first data: nothing is read after it', () => {
    const rig = reading(request(1), request(3));
    first(rig).handler = { ...nothing, data: () => rig.connection.close() };
    rig.feed(
      Buffer.concat([frame(data, 0, 1, Buffer.alloc(9)), frame(data, 0, 3, Buffer.from('x')), request(5)]),
    );
    assert.deepEqual(rig.events.slice(2), ['aborted 3']);
    assert.deepEqual([rig.connection.streamCount, rig.ended()], [0, true]);
    assert.deepEqual(sentBy(rig), ['goAway 0 0']);
  });

  test('abort that resets another stream: each stream ends once', () => {
    const rig = reading(request(1), request(3), request(5));
    const [stream, second, third] = rig.streams;
    let ends = 0;
    const count = (): void => {
      ends += 1;
    };
    for (const one of rig.streams) one.onClosed = count;
    if (stream !== undefined)
      stream.handler = {
        ...nothing,
        aborted: () => {
          second?.reset(errorCode.cancel);
          third?.end(() => trailers);
        },
      };
    rig.connection.gone();
    assert.equal(ends, 3);
    assert.equal(rig.connection.streamCount, 0);
  });

  test('response that ends within the callback of sent data: is sent after it', () => {
    const rig = reading(request(1, endBoth));
    const stream = first(rig);
    const end = { sent: () => stream.end(() => trailers) };
    stream.send(new SharedData([Buffer.alloc(4)]), {
      sent: () => stream.send(new SharedData([Buffer.alloc(5)]), end),
    });
    for (let count = 0; count < 3; count += 1) rig.tick();
    assert.deepEqual(sentBy(rig), ['data 1 4', 'data 1 5', `headers 1 ${trailers.length}`]);
  });
});

suite('HTTP/2: limit of a header block', () => {
  const block = postBlock();
  const half = block.length >> 1;
  const { continuation } = frameType;
  for (const [what, frames] of [
    ['one frame', [frame(headers, endBoth, 1, block)]],
    [
      'two frames',
      [
        frame(headers, flag.endStream, 1, block.subarray(0, half)),
        frame(continuation, flag.endHeaders, 1, block.subarray(half)),
      ],
    ],
  ] as const)
    for (const [length, expected] of [
      [block.length, 'request 1 POST /x'],
      [block.length - 1, `failed ${errorCode.enhanceYourCalm} a header block is too long`],
    ] as const)
      test(`${block.length} bytes in ${what}, at most ${length} allowed: ${expected}`, () => {
        const rig = makeConnection({ headerBlock: length });
        rig.feed(Buffer.concat([preface, ...frames]));
        assert.equal(rig.events[0], expected);
      });
});
