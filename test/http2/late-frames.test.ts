import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { errorCode, flag, frameType } from '../../src/http2/frame.ts';
import { encodeLiteral } from '../../src/http2/hpack/encode-field.ts';
import { SharedData } from '../../src/http2/shared-data.ts';
import { frame, makeConnection, postBlock, preface } from './rig.ts';
import type { ConnectionRig } from './rig.ts';

const { data, headers, rstStream, settings, windowUpdate } = frameType;
const endBoth = flag.endHeaders | flag.endStream;
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const request = (id: number, more: readonly (readonly [string, string])[] = []): Buffer =>
  frame(headers, flag.endHeaders, id, postBlock('/x', more));

/** Why the server resets stream 3, with the frames that cause it. */
const resets: Readonly<Record<string, readonly [bytes: Buffer, code: number]>> = {
  'too many streams': [request(3), errorCode.refusedStream],
  'increment of 0': [
    Buffer.concat([frame(rstStream, 0, 1, uint32(8)), request(3), frame(windowUpdate, 0, 3, uint32(0))]),
    errorCode.protocolError,
  ],
  'request without a path': [
    frame(headers, flag.endHeaders, 3, encodeLiteral(':method', 'POST', 'none')),
    errorCode.protocolError,
  ],
  'more data than the window of the stream': [
    Buffer.concat([
      frame(rstStream, 0, 1, uint32(8)),
      request(3),
      ...Array.from({ length: 2 }, () => frame(data, 0, 3, Buffer.alloc(1_000))),
    ]),
    errorCode.flowControlError,
  ],
};

suite(
  'HTTP/2: frames that the client sent before it saw RST_STREAM are ignored (RFC 9113, section 5.1)',
  () => {
    for (const [reason, [bytes, code]] of Object.entries(resets))
      test(`${reason}: data, trailers and RST_STREAM get no further answer, and the connection stays open`, () => {
        const rig = makeConnection({
          concurrentStreams: 1,
          streamWindow: 1_500,
          resets: { burst: 2, perSecond: 0 },
        });
        rig.feed(Buffer.concat([preface, frame(settings, flag.ack, 0), request(1)]));
        rig.streams[0]?.pauseReading();
        rig.sent();
        // A stream that is paused gets no WINDOW_UPDATE.
        assert.equal(rig.connection.streamCount, 1);
        for (let at = 0; at < bytes.length;) {
          const length = 9 + bytes.readUIntBE(at, 3);
          rig.feed(bytes.subarray(at, at + length));
          rig.streams.at(-1)?.pauseReading();
          at += length;
        }
        assert.deepEqual(
          rig.sent().map(({ type, streamId, payload }) => `${type} ${streamId} ${payload.readUInt32BE()}`),
          [`rstStream 3 ${code}`],
        );
        rig.feed(
          Buffer.concat([
            frame(data, 0, 3, Buffer.alloc(100)),
            frame(headers, endBoth, 3, encodeLiteral('x-trailer', '1', 'none')),
            frame(rstStream, 0, 3, uint32(8)),
          ]),
        );
        assert.deepEqual(rig.sent(), []);
        assert.equal(rig.connection.isClosed, false);
      });
  },
);

suite('HTTP/2: data that waits for a window', () => {
  function waiting(window: number): ConnectionRig {
    const rig = makeConnection();
    const small = Buffer.concat([Buffer.of(0, 4), uint32(window)]);
    rig.feed(Buffer.concat([preface, frame(settings, 0, 0, small), request(1)]));
    return rig;
  }

  test('empty data after waiting data: the stream ends once the window is enlarged', () => {
    const rig = waiting(1);
    const [stream] = rig.streams;
    stream?.send(new SharedData([Buffer.alloc(3)]));
    stream?.send(new SharedData([]));
    stream?.end(() => encodeLiteral('x-done', 'yes', 'none'));
    rig.tick();
    rig.sent();
    rig.feed(frame(windowUpdate, 0, 1, uint32(2)));
    assert.deepEqual(
      rig.sent().map(({ type, payload }) => `${type} ${payload.length}`),
      ['data 2', 'data 0', 'headers 12', 'rstStream 4'],
    );
  });

  test('waitingBytes: counts the bytes that have not been sent, until the stream ends', () => {
    const rig = waiting(4);
    const [stream] = rig.streams;
    for (const length of [3, 3, 5]) stream?.send(new SharedData([Buffer.alloc(length)]));
    assert.equal(stream?.waitingBytes, 7);
    rig.feed(frame(windowUpdate, 0, 1, uint32(3)));
    assert.equal(stream.waitingBytes, 4);
    rig.feed(frame(rstStream, 0, 1, uint32(8)));
    assert.equal(stream.waitingBytes, 0);
  });

  const windows = (...sizes: readonly number[]): Buffer =>
    frame(settings, 0, 0, Buffer.concat(sizes.map((size) => Buffer.concat([Buffer.of(0, 4), uint32(size)]))));

  test('SETTINGS that change the window many times: each stream is visited once, and has the last window', () => {
    const rig = waiting(0);
    rig.feed(Buffer.concat([request(3), request(5)]));
    let visits = 0;
    for (const stream of rig.streams) {
      const widen = stream.widen.bind(stream);
      stream.widen = (by) => {
        visits += 1;
        return widen(by);
      };
    }
    rig.feed(windows(...Array.from({ length: 31 }, (_, index) => index), 7));
    assert.equal(visits, 3);
    assert.deepEqual(
      rig.streams.map(({ sendWindow }) => sendWindow),
      [7, 7, 7],
    );
  });

  for (const [what, sizes] of [
    ['a window', [2 ** 31 - 1]],
    ['a window on the way to a smaller one', [2 ** 31 - 1, 5]],
  ] as const)
    test(`SETTINGS with ${what} that is too large for a stream: FLOW_CONTROL_ERROR (RFC 9113, section 6.9.2)`, () => {
      const rig = waiting(0);
      rig.feed(frame(windowUpdate, 0, 1, uint32(1)));
      rig.feed(windows(...sizes));
      assert.match(rig.events.at(-1) ?? '', /^failed 3 the window of a stream is too large$/);
    });

  test('many streams that wait: WINDOW_UPDATE of one resumes no other, and one of the connection those with a window', () => {
    const rig = waiting(2);
    rig.feed(Buffer.concat([request(3), request(5)]));
    for (const stream of rig.streams) stream.send(new SharedData([Buffer.alloc(9)]));
    rig.tick();
    rig.sent();
    const resumed: number[] = [];
    for (const stream of rig.streams) {
      const resume = stream.resume.bind(stream);
      stream.resume = () => {
        resumed.push(stream.id);
        resume();
      };
    }
    rig.feed(frame(windowUpdate, 0, 3, uint32(4)));
    assert.deepEqual(resumed, [3]);
    rig.feed(frame(windowUpdate, 0, 0, uint32(4)));
    assert.deepEqual(resumed, [3]);
    rig.feed(frame(windowUpdate, 0, 5, uint32(7)));
    rig.feed(frame(windowUpdate, 0, 0, uint32(4)));
    assert.deepEqual(resumed, [3, 5]);
    assert.deepEqual(
      rig.sent().map(({ type, streamId, payload }) => `${type} ${streamId} ${payload.length}`),
      ['data 3 4', 'data 5 7'],
    );
  });
});

suite('HTTP/2: response that ends while the frame with END_STREAM is read', () => {
  const response = encodeLiteral(':status', '200', 'none');
  const body = Buffer.from('abc');
  const end = flag.endStream;
  const frames: Readonly<Record<string, readonly Buffer[]>> = {
    'HEADERS, the handler ends it at the request': [frame(headers, endBoth, 1, postBlock())],
    'DATA, the handler ends it at the data': [request(1), frame(data, end, 1, body)],
    'DATA with padding, the handler ends it at the data': [
      request(1),
      frame(data, end | flag.padded, 1, Buffer.of(1, 0x61, 0)),
    ],
    'trailers, the handler ends it at the end': [
      request(1),
      frame(headers, endBoth, 1, encodeLiteral('x-trailer', '1', 'none')),
    ],
  };
  for (const [what, bytes] of Object.entries(frames))
    for (const chunk of [1, 1_000])
      test(`${what}, read in parts of ${chunk} bytes: no RST_STREAM (RFC 9113, section 5.1)`, () => {
        const rig = makeConnection();
        rig.feed(preface);
        rig.sent();
        rig.onRequest = (stream) => {
          if (what.endsWith('request')) stream.end(() => response);
        };
        for (const part of bytes) {
          rig.feed(part, chunk);
          const handler = rig.streams[0]?.handler;
          const [stream] = rig.streams;
          if (handler !== undefined && what.endsWith('data'))
            handler.data = () => stream?.end(() => response);
          if (handler !== undefined && what.endsWith('end'))
            handler.ended = () => stream?.end(() => response);
        }
        rig.tick();
        assert.deepEqual(
          rig.sent().map(({ type }) => type),
          ['headers'],
        );
        assert.equal(rig.connection.streamCount, 0);
      });

  test('DATA without END_STREAM: RST_STREAM with NO_ERROR (section 8.1)', () => {
    const rig = makeConnection();
    rig.feed(Buffer.concat([preface, request(1)]));
    rig.sent();
    const [stream] = rig.streams;
    if (stream?.handler !== undefined) stream.handler.data = () => stream.end(() => response);
    rig.feed(frame(data, 0, 1, body));
    assert.deepEqual(
      rig.sent().map(({ type }) => type),
      ['headers', 'rstStream'],
    );
  });
});
