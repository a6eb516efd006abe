/** This file is long: it has a case for each rule of a connection, and all cases use one rig. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../kit/fast-check.ts';
import { errorCode, flag, frameType } from '../../src/http2/frame.ts';
import { encodeLiteral } from '../../src/http2/hpack/encode-field.ts';
import { SharedData } from '../../src/http2/shared-data.ts';
import { frame, makeConnection, postBlock, preface } from './rig.ts';
import type { ConnectionRig } from './rig.ts';

const { headers, data, continuation, settings, ping, windowUpdate, rstStream, priority } = frameType;
const endBoth = flag.endHeaders | flag.endStream;
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const setting = (id: number, value: number): Buffer => Buffer.concat([Buffer.of(0, id), uint32(value)]);
const request = (id: number, flags: number = flag.endHeaders): Buffer =>
  frame(headers, flags, id, postBlock());
const trailers = encodeLiteral('x-done', 'yes', 'none');
const response = encodeLiteral(':status', '200', 'none');

/** Returns a connection that has exchanged the preface. */
function begun(limits: Parameters<typeof makeConnection>[0] = {}): ConnectionRig {
  const rig = makeConnection(limits);
  rig.feed(preface);
  rig.sent();
  return rig;
}

/** Returns the error code of the GOAWAY that was sent, if any. */
function goAwayOf(rig: ConnectionRig): number | undefined {
  return rig
    .sent()
    .find(({ type }) => type === 'goAway')
    ?.payload.readUInt32BE(4);
}

suite('HTTP/2 connection: preface', () => {
  test('client preface: is answered with SETTINGS, WINDOW_UPDATE and an acknowledgement', () => {
    const rig = makeConnection({ concurrentStreams: 7 });
    rig.feed(preface);
    const sent = rig.sent();
    assert.deepEqual(
      sent.map(({ type, flags }) => `${type} ${flags}`),
      ['settings 0', 'windowUpdate 0', 'settings 1'],
    );
    assert.ok(sent[0]?.payload.includes(setting(3, 7)));
    assert.equal(rig.connection.begun, true);
  });

  test('other bytes than the preface: GOAWAY at the first wrong byte', () => {
    const rig = makeConnection();
    rig.feed(Buffer.from('PRI * HTTP/1'));
    assert.equal(goAwayOf(rig), errorCode.protocolError);
    assert.equal(rig.ended(), true);
  });

  test('another frame before SETTINGS: GOAWAY', () => {
    const rig = makeConnection();
    rig.feed(Buffer.concat([preface.subarray(0, 24), frame(ping, 0, 0, Buffer.alloc(8))]));
    assert.equal(goAwayOf(rig), errorCode.protocolError);
  });

  test('DATA before SETTINGS: GOAWAY', () => {
    const rig = makeConnection();
    rig.feed(Buffer.concat([preface.subarray(0, 24), frame(data, 0, 1, Buffer.from('hello'))]));
    assert.equal(goAwayOf(rig), errorCode.protocolError);
    assert.deepEqual(rig.events, ['failed 1 DATA is not allowed here']);
  });
});

suite('HTTP/2 connection: requests', () => {
  test('request with headers, data and trailers: the handler receives each', () => {
    const rig = begun();
    rig.feed(
      Buffer.concat([
        request(1),
        frame(data, 0, 1, Buffer.from('hello')),
        frame(headers, endBoth, 1, encodeLiteral('x-trailer', '1', 'none')),
      ]),
    );
    assert.deepEqual(rig.events, ['request 1 POST /x', 'data 1 hello', 'ended 1']);
  });

  test('padding and priority in HEADERS, padding in DATA: are ignored', () => {
    const rig = begun();
    const block = Buffer.concat([Buffer.of(3), uint32(9), Buffer.of(1), postBlock(), Buffer.alloc(3)]);
    rig.feed(
      Buffer.concat([
        frame(headers, flag.endHeaders | flag.padded | flag.priority, 1, block),
        frame(data, flag.padded | flag.endStream, 1, Buffer.from('\x02hi\0\0', 'latin1')),
      ]),
    );
    assert.deepEqual(rig.events, ['request 1 POST /x', 'data 1 hi', 'ended 1']);
  });

  test('header block in several frames: is one request', () => {
    const rig = begun();
    const block = postBlock();
    rig.feed(
      Buffer.concat([
        frame(headers, flag.endStream, 1, block.subarray(0, 1)),
        frame(continuation, 0, 1, block.subarray(1, 3)),
        frame(continuation, flag.endHeaders, 1, block.subarray(3)),
      ]),
    );
    assert.deepEqual(rig.events, ['request 1 POST /x', 'ended 1']);
  });

  test('DATA within a header block: GOAWAY', () => {
    const rig = begun();
    rig.feed(
      Buffer.concat([request(1), frame(headers, 0, 3, postBlock()), frame(data, 0, 1, Buffer.from('a'))]),
    );
    assert.equal(goAwayOf(rig), errorCode.protocolError);
    assert.deepEqual(rig.events, ['request 1 POST /x', 'aborted 1', 'failed 1 DATA is not allowed here']);
  });

  test('DATA on two streams in turn, one of which ends: each handler receives its own, and late DATA is reset', () => {
    const rig = begun();
    const on = (id: number, text: string): Buffer => frame(data, 0, id, Buffer.from(text));
    rig.feed(Buffer.concat([request(1), request(3), on(1, 'a'), on(3, 'b'), on(1, 'c')]));
    rig.feed(Buffer.concat([frame(rstStream, 0, 1, uint32(errorCode.cancel)), on(1, 'late'), on(3, 'd')]));
    assert.deepEqual(rig.events.slice(2), ['data 1 a', 'data 3 b', 'data 1 c', 'aborted 1', 'data 3 d']);
    assert.deepEqual(
      rig.sent().map(({ type, streamId, payload }) => [type, streamId, payload.readUInt32BE()]),
      [['rstStream', 1, errorCode.streamClosed]],
    );
    assert.equal(rig.connection.streamCount, 1);
  });

  test('less data than content-length: the stream is reset', () => {
    const rig = begun();
    const block = postBlock('/x', [['content-length', '5']]);
    rig.feed(
      Buffer.concat([
        frame(headers, flag.endHeaders, 1, block),
        frame(data, flag.endStream, 1, Buffer.from('hell')),
      ]),
    );
    assert.deepEqual(rig.events, ['request 1 POST /x', 'data 1 hell', 'aborted 1']);
    assert.equal(rig.sent().at(-1)?.payload.readUInt32BE(), errorCode.protocolError);
  });

  test('conversation that is split anywhere: the same events and frames', () => {
    const conversation = Buffer.concat([
      preface,
      request(1),
      frame(data, 0, 1, Buffer.from('a'.repeat(100))),
      frame(ping, 0, 0, Buffer.from('12345678')),
      frame(headers, flag.endStream, 3, postBlock().subarray(0, 2)),
      frame(continuation, flag.endHeaders, 3, postBlock().subarray(2)),
      frame(data, flag.padded, 1, Buffer.from('\x01b\0', 'latin1')),
      frame(settings, 0, 0, setting(4, 1000)),
      frame(windowUpdate, 0, 1, uint32(10)),
      frame(99, 0, 5, Buffer.from('unknown')),
      frame(data, 0, 1),
      frame(data, flag.endStream, 1, Buffer.from('c')),
      request(5, endBoth),
      frame(rstStream, 0, 5, uint32(8)),
    ]);
    const joined = (rig: ConnectionRig): readonly string[] => {
      // Data may arrive in more parts.
      let text = '';
      for (const event of rig.events) {
        const part = /^data (\d+) (.*)$/.exec(event);
        text += part === null ? `|${event}|` : part[2];
      }
      return [text, JSON.stringify(rig.sent())];
    };
    const whole = makeConnection();
    whole.feed(conversation);
    const expected = joined(whole);
    assert.match(expected[0] ?? '', /request 5/);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 50 }), (chunks) => {
        const rig = makeConnection();
        let at = 0;
        for (let index = 0; at < conversation.length; index += 1) {
          const length = chunks[index % chunks.length] ?? 1;
          rig.feed(conversation.subarray(at, at + length));
          at += length;
        }
        assert.deepEqual(joined(rig), expected);
      }),
    );
  });

  test('random frames after the preface: never an internal error', () => {
    const junk = fc.tuple(
      fc.integer({ min: 0, max: 11 }),
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 0, max: 7 }),
      fc.uint8Array({ maxLength: 40 }),
    );
    fc.assert(
      fc.property(fc.array(junk, { maxLength: 30 }), (frames) => {
        const rig = begun();
        for (const [type, flags, id, payload] of frames) rig.feed(frame(type, flags, id, payload), 7);
        assert.ok(!rig.events.some((event) => event.startsWith(`failed ${errorCode.internalError} `)));
        rig.connection.gone();
        assert.equal(rig.connection.streamCount, 0);
      }),
      { numRuns: 3000 },
    );
  });
});

suite('HTTP/2 connection: responses', () => {
  const answered = (rig: ConnectionRig, length: number, sent?: () => void): void => {
    const [stream] = rig.streams;
    stream?.respond(() => response);
    stream?.send(new SharedData([Buffer.alloc(length, 'x')]), sent && { sent });
    stream?.end(() => trailers);
  };

  test('response with headers, data and trailers: is sent as three frames, and the stream closes', () => {
    const rig = begun();
    rig.feed(request(1, endBoth));
    answered(rig, 5);
    rig.tick();
    assert.deepEqual(
      rig.sent().map(({ type, flags, streamId }) => `${type} ${flags} ${streamId}`),
      ['headers 4 1', 'data 0 1', 'headers 5 1'],
    );
    assert.equal(rig.connection.streamCount, 0);
  });

  test('full window of the stream: further data and the trailers wait', () => {
    const rig = begun();
    rig.feed(Buffer.concat([frame(settings, 0, 0, setting(4, 10)), request(1, endBoth)]));
    let done = 0;
    answered(rig, 25, () => (done += 1));
    rig.tick();
    const lengths = (): readonly string[] =>
      rig
        .sent()
        .filter(({ type }) => type !== 'settings')
        .map(({ type, payload }) => (type === 'data' ? `data ${payload.length}` : type));
    assert.deepEqual(lengths(), ['headers', 'data 10']);
    rig.feed(frame(windowUpdate, 0, 1, uint32(10)));
    assert.deepEqual(lengths(), ['data 10']);
    assert.equal(done, 0);
    rig.feed(frame(settings, 0, 0, setting(4, 100)));
    assert.deepEqual(lengths(), ['data 5', 'headers']);
    assert.equal(done, 1);
  });

  test('smaller initial window after data was sent: further data waits until the window is positive', () => {
    const rig = begun();
    rig.feed(request(1, endBoth));
    rig.streams[0]?.respond(() => response);
    rig.streams[0]?.send(new SharedData([Buffer.alloc(100)]));
    rig.feed(frame(settings, 0, 0, setting(4, 50)));
    rig.tick();
    rig.sent();
    rig.streams[0]?.send(new SharedData([Buffer.alloc(10)]));
    rig.tick();
    assert.deepEqual(rig.sent(), []);
    rig.feed(frame(windowUpdate, 0, 1, uint32(51)));
    assert.deepEqual(
      rig.sent().map(({ payload }) => payload.length),
      [1],
    );
  });

  test('client that accepts frames of 16 MB: waiting data is sent as it is', () => {
    const rig = begun();
    const large = Buffer.concat([setting(4, 0), setting(5, 16_777_215)]);
    rig.feed(Buffer.concat([frame(settings, 0, 0, large), request(1, endBoth)]));
    answered(rig, 500_000);
    rig.tick();
    rig.sent();
    rig.feed(
      Buffer.concat([
        frame(windowUpdate, 0, 0, uint32(1_000_000)),
        frame(windowUpdate, 0, 1, uint32(1_000_000)),
      ]),
    );
    const payloads = rig.sent().flatMap(({ type, payload }) => (type === 'data' ? [payload] : []));
    assert.ok(Buffer.concat(payloads).equals(Buffer.alloc(500_000, 'x')));
  });

  test('trailers that arrive after the server reset the stream: are ignored', () => {
    const rig = begun();
    rig.feed(request(1));
    rig.streams[0]?.reset(errorCode.cancel);
    rig.feed(Buffer.concat([frame(headers, endBoth, 1, Buffer.alloc(0)), request(3)]));
    assert.deepEqual(rig.events, ['request 1 POST /x', 'request 3 POST /x']);
  });

  test('full window of the connection: all streams wait', () => {
    const rig = begun();
    rig.feed(
      Buffer.concat([frame(settings, 0, 0, setting(4, 100_000)), request(1, endBoth), request(3, endBoth)]),
    );
    for (const stream of rig.streams) {
      stream.respond(() => response);
      stream.send(new SharedData([Buffer.alloc(60_000)]));
      stream.end(() => trailers);
    }
    rig.tick();
    const sent = (): number =>
      rig.sent().reduce((sum, { type, payload }) => sum + (type === 'data' ? payload.length : 0), 0);
    assert.equal(sent(), 65_535);
    rig.feed(frame(windowUpdate, 0, 0, uint32(100_000)));
    assert.equal(sent(), 120_000 - 65_535);
    assert.equal(rig.connection.streamCount, 0);
  });

  test('shared data on several streams: each frame has the identifier of its stream', () => {
    const rig = begun();
    rig.feed(Buffer.concat([request(1), request(3), request(5)]));
    const shared = new SharedData([Buffer.from('same')]);
    for (const stream of rig.streams) stream.send(shared);
    rig.tick();
    assert.deepEqual(
      rig.sent().map(({ streamId, payload }) => `${streamId} ${payload.toString()}`),
      ['1 same', '3 same', '5 same'],
    );
  });

  test('data that the kernel accepts later: the callback is called then', () => {
    const rig = begun();
    rig.feed(request(1));
    let done = 0;
    rig.streams[0]?.send(new SharedData([Buffer.alloc(5)]), { sent: () => (done += 1) });
    rig.unsent = 5;
    rig.tick();
    assert.equal(done, 0);
    rig.unsent = 0;
    rig.connection.output.drained();
    assert.equal(done, 1);
  });

  test('stream that ends while data waits: nothing more is sent', () => {
    const rig = begun();
    rig.feed(Buffer.concat([frame(settings, 0, 0, setting(4, 1)), request(1)]));
    rig.streams[0]?.send(new SharedData([Buffer.alloc(5)]));
    rig.tick();
    rig.sent();
    rig.feed(frame(rstStream, 0, 1, uint32(errorCode.cancel)));
    assert.deepEqual(rig.events.slice(1), ['aborted 1']);
    rig.feed(frame(windowUpdate, 0, 1, uint32(100)));
    assert.deepEqual(rig.sent(), []);
  });
});

suite('HTTP/2 connection: limits', () => {
  const table: Readonly<Record<string, readonly [bytes: Uint8Array, code: number]>> = {
    'resets by the client above the burst': [
      Buffer.concat(
        Array.from({ length: 11 }, (_, index) =>
          Buffer.concat([request(2 * index + 1), frame(rstStream, 0, 2 * index + 1, uint32(8))]),
        ),
      ),
      errorCode.enhanceYourCalm,
    ],
    'resets that the client provokes, above the burst': [
      Buffer.concat(
        Array.from({ length: 11 }, (_, index) =>
          Buffer.concat([request(2 * index + 1), frame(windowUpdate, 0, 2 * index + 1, uint32(0))]),
        ),
      ),
      errorCode.enhanceYourCalm,
    ],
    'refused streams above the burst': [
      Buffer.concat(Array.from({ length: 14 }, (_, index) => request(2 * index + 1))),
      errorCode.enhanceYourCalm,
    ],
    'PINGs above the burst': [
      Buffer.concat(Array.from({ length: 11 }, () => frame(ping, 0, 0, Buffer.alloc(8)))),
      errorCode.enhanceYourCalm,
    ],
    'SETTINGS above the burst': [
      Buffer.concat(Array.from({ length: 11 }, () => frame(settings, 0, 0))),
      errorCode.enhanceYourCalm,
    ],
    'PRIORITY frames above the burst': [
      Buffer.concat(Array.from({ length: 11 }, () => frame(priority, 0, 1, Buffer.alloc(5)))),
      errorCode.enhanceYourCalm,
    ],
    'empty DATA frames above the burst': [
      Buffer.concat([request(1), ...Array.from({ length: 11 }, () => frame(data, 0, 1))]),
      errorCode.enhanceYourCalm,
    ],
    'DATA frames with only padding, above the burst': [
      Buffer.concat([
        request(1),
        ...Array.from({ length: 11 }, () => frame(data, flag.padded, 1, Buffer.of(1, 0))),
      ]),
      errorCode.enhanceYourCalm,
    ],
    'DATA with one byte more of padding than of payload': [
      Buffer.concat([request(1), frame(data, flag.padded, 1, Buffer.of(1))]),
      errorCode.protocolError,
    ],
    // A frame that lacks a part that its flags announce has a wrong size (section 4.2).
    'DATA without the length of its padding': [
      Buffer.concat([request(1), frame(data, flag.padded, 1)]),
      errorCode.frameSizeError,
    ],
    'HEADERS without the length of its padding': [frame(headers, flag.padded, 1), errorCode.frameSizeError],
    'frames of unknown types above the burst': [
      Buffer.concat(Array.from({ length: 11 }, () => frame(77, 0, 0))),
      errorCode.enhanceYourCalm,
    ],
    'SETTINGS with too many entries': [
      frame(settings, 0, 0, Buffer.concat(Array.from({ length: 33 }, () => setting(9, 1)))),
      errorCode.enhanceYourCalm,
    ],
    'too many CONTINUATION frames': [
      Buffer.concat([
        frame(headers, 0, 1, postBlock()),
        ...Array.from({ length: 20 }, () => frame(continuation, 0, 1)),
      ]),
      errorCode.enhanceYourCalm,
    ],
    'header block that is too long': [
      Buffer.concat([
        frame(headers, 0, 1, Buffer.alloc(16_000)),
        frame(continuation, 0, 1, Buffer.alloc(1000)),
      ]),
      errorCode.enhanceYourCalm,
    ],
    'frame on an even stream identifier, which is always idle': [
      Buffer.concat([request(3), frame(windowUpdate, 0, 2, Buffer.of(0, 0, 0, 1))]),
      errorCode.protocolError,
    ],
    // RST_STREAM, which would be the answer otherwise, is not allowed on an idle stream.
    'PRIORITY of a wrong length on an idle stream': [frame(priority, 0, 3), errorCode.frameSizeError],
    'PRIORITY that depends on itself on an idle stream': [
      frame(priority, 0, 3, Buffer.of(0, 0, 0, 3, 0)),
      errorCode.protocolError,
    ],
    'frame that is too large': [frame(data, 0, 1, Buffer.alloc(16_385)), errorCode.frameSizeError],
  };
  test('DATA frames with content above the burst of control frames: are read', () => {
    const rig = begun({ controlFrames: { burst: 10, perSecond: 1 } });
    const frames = Array.from({ length: 30 }, () => frame(data, 0, 1, Buffer.of(0x61)));
    rig.feed(Buffer.concat([request(1), ...frames]));
    assert.equal(goAwayOf(rig), undefined);
    assert.equal(rig.events.filter((event) => event === 'data 1 a').length, 30);
  });

  for (const [what, [bytes, code]] of Object.entries(table)) {
    test(`${what}: GOAWAY`, () => {
      const small = { burst: 10, perSecond: 1 };
      const rig = begun({ concurrentStreams: 3, resets: small, controlFrames: small });
      rig.feed(bytes);
      assert.equal(goAwayOf(rig), code);
      assert.equal(rig.connection.isClosed, true);
      assert.equal(rig.connection.streamCount, 0);
    });
  }

  test('resets within the rate: the connection stays open', () => {
    const rig = begun({ resets: { burst: 2, perSecond: 10 } });
    for (let index = 0; index < 50; index += 1) {
      const id = 2 * index + 1;
      rig.feed(Buffer.concat([request(id), frame(rstStream, 0, id, uint32(8))]), 100, index * 100);
    }
    assert.equal(rig.connection.isClosed, false);
  });

  test('PING after each response, as from grpc-go: is not counted; further PINGs are', () => {
    const rig = begun({ controlFrames: { burst: 2, perSecond: 1 } });
    const onePing = frame(ping, 0, 0, Buffer.alloc(8));
    for (let index = 0; index < 50; index += 1) {
      const id = 2 * index + 1;
      rig.feed(request(id, endBoth));
      rig.streams.at(-1)?.end(() => response);
      rig.feed(onePing);
    }
    assert.equal(rig.connection.isClosed, false);
    rig.feed(Buffer.concat([onePing, onePing, onePing]));
    assert.equal(rig.connection.isClosed, true);
  });

  test('late frames on a stream that the server ended: are ignored', () => {
    const rig = begun({ resets: { burst: 2, perSecond: 1 } });
    for (let index = 0; index < 50; index += 1) {
      const id = 2 * index + 1;
      rig.feed(request(id));
      rig.streams.at(-1)?.end(() => response);
      rig.tick();
      rig.sent();
      rig.feed(
        Buffer.concat([
          frame(data, 0, id, Buffer.from('late')),
          frame(data, flag.endStream, id),
          frame(rstStream, 0, id, uint32(8)),
        ]),
      );
    }
    assert.equal(rig.connection.isClosed, false);
    assert.deepEqual(rig.sent(), []);
  });

  test('header list that is too long: the request is refused, and the HPACK table stays in sync', () => {
    const rig = begun({ headerList: 200 });
    const long = encodeLiteral('x-long', 'v'.repeat(300), 'incremental');
    rig.feed(frame(headers, flag.endHeaders, 1, Buffer.concat([postBlock(), long])));
    assert.deepEqual(
      rig.sent().map(({ type, payload }) => `${type} ${payload.readUInt32BE()}`),
      [`rstStream ${errorCode.enhanceYourCalm}`],
    );
    rig.feed(request(3));
    assert.deepEqual(rig.events, ['request 3 POST /x']);
  });

  test('streams above the limit: REFUSED_STREAM, until a stream ends', () => {
    const rig = begun({ concurrentStreams: 2 });
    rig.feed(Buffer.concat([request(1), request(3), request(5)]));
    assert.deepEqual(
      rig.sent().map(({ type, streamId, payload }) => `${type} ${streamId} ${payload.readUInt32BE()}`),
      [`rstStream 5 ${errorCode.refusedStream}`],
    );
    rig.feed(Buffer.concat([frame(rstStream, 0, 1, uint32(8)), request(7)]));
    assert.deepEqual(rig.events.slice(2), ['aborted 1', 'request 7 POST /x']);
  });
});

suite('HTTP/2 connection: shutdown', () => {
  test('first and final GOAWAY: open streams continue, and later streams are ignored', () => {
    const rig = begun();
    rig.feed(request(1));
    rig.connection.retire(false);
    rig.feed(request(3));
    rig.connection.retire(true);
    rig.feed(request(5));
    rig.tick();
    assert.deepEqual(
      rig.sent().map(({ payload }) => payload.readUInt32BE()),
      [2 ** 31 - 1, 3],
    );
    assert.deepEqual(rig.events, ['request 1 POST /x', 'request 3 POST /x']);
    rig.feed(frame(data, flag.endStream, 1, Buffer.from('x')));
    assert.deepEqual(rig.events.slice(2), ['data 1 x', 'ended 1']);
  });

  test('closed connection: every stream is aborted once', () => {
    const rig = begun();
    rig.feed(Buffer.concat([request(1), request(3)]));
    rig.connection.gone();
    rig.connection.gone();
    assert.deepEqual(rig.events.slice(2), ['aborted 1', 'aborted 3']);
  });

  test('PING of the server: its acknowledgement is reported', () => {
    const rig = begun();
    rig.connection.ping(7);
    rig.tick();
    const [sent] = rig.sent();
    assert.equal(sent?.type, 'ping');
    rig.feed(frame(ping, flag.ack, 0, sent.payload));
    assert.deepEqual(rig.events, ['pong 7']);
  });
});

suite('HTTP/2 connection: windows below the default of 65,535 bytes', () => {
  /** Opens a stream that gets no WINDOW_UPDATE, and sends data on it. Returns the types of the frames that are sent. */
  function sendPaused(rig: ConnectionRig, ...lengths: readonly number[]): readonly string[] {
    rig.feed(request(1));
    rig.streams[0]?.pauseReading();
    rig.sent();
    rig.feed(Buffer.concat(lengths.map((length) => frame(data, 0, 1, Buffer.alloc(length)))));
    return rig
      .sent()
      .filter(({ streamId }) => streamId === 1)
      .map(({ type, payload }) => `${type} ${payload.readUInt32BE()}`);
  }
  const whole = [16_384, 16_384, 16_384, 16_383];
  const exceeded = [`rstStream ${errorCode.flowControlError}`];

  test('stream, before the client acknowledges it: the default applies (RFC 9113, section 6.5.3)', () => {
    assert.deepEqual(sendPaused(begun({ streamWindow: 20_000 }), ...whole), []);
    assert.deepEqual(sendPaused(begun({ streamWindow: 20_000 }), ...whole, 1), exceeded);
  });

  test('stream, after the client has acknowledged it: it applies, and an empty frame needs no window', () => {
    const acknowledged = frame(settings, flag.ack, 0);
    for (const [lengths, sent] of [
      [[10_000, 10_000, 0], []],
      [[10_000, 10_000, 1], exceeded],
    ] as const) {
      const rig = begun({ streamWindow: 20_000 });
      rig.feed(acknowledged);
      assert.deepEqual(sendPaused(rig, ...lengths), sent);
    }
    // Data that was sent before may exceed it: the window is negative then (section 6.9.2).
    const rig = begun({ streamWindow: 20_000 });
    assert.deepEqual(sendPaused(rig, ...whole), []);
    rig.feed(Buffer.concat([acknowledged, frame(data, 0, 1)]));
    assert.deepEqual(rig.sent(), []);
    rig.streams[0]?.resumeReading();
    rig.tick();
    assert.deepEqual(
      rig.sent().map(({ type, payload }) => `${type} ${payload.readUInt32BE()}`),
      ['windowUpdate 65535'],
    );
  });

  test('connection: the default applies, because it cannot be announced', () => {
    const rig = begun({ connectionWindow: 15_000 });
    assert.deepEqual(sendPaused(rig, ...whole), []);
    assert.equal(rig.connection.isClosed, false);
  });
});
