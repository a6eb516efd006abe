import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { errorCode, flag, frameType } from '../../src/http2/frame.ts';
import { encodeLiteral } from '../../src/http2/hpack/encode-field.ts';
import { SharedData } from '../../src/http2/shared-data.ts';
import { frame, makeConnection, postBlock, preface } from './rig.ts';
import type { ConnectionRig } from './rig.ts';

const { data, headers, settings, ping, priority, goAway, rstStream, windowUpdate } = frameType;
const endBoth = flag.endHeaders | flag.endStream;
const response = encodeLiteral(':status', '200', 'none');
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const request = (id: number, flags: number = flag.endHeaders): Buffer =>
  frame(headers, flags, id, postBlock());
const update = (id: number, by = 1): Buffer => frame(windowUpdate, 0, id, uint32(by));
const windowOf = (bytes: number): Buffer =>
  frame(settings, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(bytes)]));

const burst = 10;
const limits = { controlFrames: { burst, perSecond: 1 } };

/** Returns a connection that has exchanged the preface. */
function begun(isIncomplete = false): ConnectionRig {
  const rig = makeConnection(limits);
  rig.feed(preface);
  rig.isIncomplete = isIncomplete;
  return rig;
}

/** Returns the code of GOAWAY and the reason; `undefined` if the connection is open. */
function failureOf(rig: ConnectionRig): string | undefined {
  const code = rig
    .sent()
    .find(({ type }) => type === 'goAway')
    ?.payload.readUInt32BE(4);
  assert.equal(rig.connection.isClosed, code !== undefined);
  const failed = rig.events.find((event) => event.startsWith('failed'));
  assert.equal(failed?.startsWith(`failed ${code} `), failed && true);
  return failed;
}

const tooMany = `failed ${errorCode.enhanceYourCalm} too many frames that carry no data`;

/** Frames of which each is counted, after a request on stream 1. */
interface Flood {
  readonly each: Buffer;
  /** True if the data of the request is incomplete. */
  readonly isIncomplete?: boolean;
  /** Runs after the request. */
  readonly prepare?: (rig: ConnectionRig) => void;
}

/** The server ends its first stream before the client does. */
const endEarly = (rig: ConnectionRig): void => rig.streams[0]?.end(() => response);
/** The server accepts no further stream. */
const retire = (rig: ConnectionRig): void => rig.connection.retire(true);

const floods: Readonly<Record<string, Flood>> = {
  PING: { each: frame(ping, 0, 0, Buffer.alloc(8)) },
  'acknowledgement of PING': { each: frame(ping, flag.ack, 0, Buffer.alloc(8)) },
  SETTINGS: { each: frame(settings, 0, 0) },
  'acknowledgement of SETTINGS': { each: frame(settings, flag.ack, 0) },
  PRIORITY: { each: frame(priority, 0, 1, Buffer.alloc(5)) },
  GOAWAY: { each: frame(goAway, 0, 0, Buffer.alloc(8)) },
  'unknown type': { each: frame(77, 0, 0) },
  'empty DATA': { each: frame(data, 0, 1) },
  'DATA with only padding': { each: frame(data, flag.padded, 1, Buffer.of(1, 0)) },
  'DATA of one byte that completes nothing': {
    isIncomplete: true,
    each: frame(data, 0, 1, Buffer.of(7)),
  },
  'DATA of 63 bytes that completes nothing': {
    isIncomplete: true,
    each: frame(data, 0, 1, Buffer.alloc(63)),
  },
  'DATA of one byte and padding that completes nothing': {
    isIncomplete: true,
    each: frame(data, flag.padded, 1, Buffer.concat([Buffer.of(200), Buffer.alloc(201)])),
  },
  'WINDOW_UPDATE of the connection': { each: update(0) },
  'WINDOW_UPDATE of the stream': { each: update(1) },
  'DATA on a stream that the server ended': { prepare: endEarly, each: frame(data, 0, 1, Buffer.of(7)) },
  'END_STREAM on a stream that the server ended': {
    prepare: endEarly,
    each: frame(data, flag.endStream, 1),
  },
  'trailers on a stream that the server ended': {
    prepare: endEarly,
    each: frame(headers, endBoth, 1, encodeLiteral('x-trailer', '1', 'none')),
  },
  'request after the final GOAWAY': { prepare: retire, each: frame(headers, endBoth, 3, postBlock()) },
  'DATA of a request after the final GOAWAY': { prepare: retire, each: frame(data, 0, 3, Buffer.of(7)) },
};

suite('HTTP/2 floods of frames that carry little or no data', () => {
  for (const [what, { each, isIncomplete = false, prepare }] of Object.entries(floods))
    for (const chunk of [undefined, 7])
      test(`${what}${chunk ? `, in parts of ${chunk} bytes` : ''}: accepted up to the rate, GOAWAY above it`, () => {
        const rig = begun(isIncomplete);
        rig.feed(request(1));
        prepare?.(rig);
        rig.tick();
        rig.sent();
        // A stream and the end of a response explain some WINDOW_UPDATE frames.
        const explained = each[3] === windowUpdate ? 2 : 0;
        // SETTINGS of the preface are counted.
        const left = burst - 1 + explained;
        rig.feed(Buffer.concat(Array.from({ length: left }, () => each)), chunk);
        assert.equal(failureOf(rig), undefined);
        rig.feed(each, chunk, 999);
        assert.equal(failureOf(rig), tooMany);
        assert.equal(rig.connection.streamCount, 0);
      });

  for (const [what, { each, isIncomplete = false, prepare }] of Object.entries(floods))
    test(`${what}: accepted at the rate for any time`, () => {
      const rig = begun(isIncomplete);
      rig.feed(request(1));
      prepare?.(rig);
      rig.tick();
      rig.sent();
      for (let count = 1; count <= 5 * burst; count += 1) rig.feed(each, each.length, count * 1_000);
      assert.equal(failureOf(rig), undefined);
    });
});

suite('HTTP/2: frames that are not counted as a flood', () => {
  const many = 20 * burst;

  test('short DATA that completes a message: accepted', () => {
    const rig = begun();
    rig.feed(request(1));
    for (let count = 0; count < many; count += 1) rig.feed(frame(data, 0, 1, Buffer.of(7)));
    assert.equal(failureOf(rig), undefined);
  });

  test('DATA of 64 bytes that completes nothing: accepted', () => {
    const rig = begun(true);
    rig.feed(request(1));
    for (let count = 0; count < many; count += 1) rig.feed(frame(data, 0, 1, Buffer.alloc(64)));
    assert.equal(failureOf(rig), undefined);
  });

  test('short DATA that ends its stream: accepted', () => {
    const rig = begun(true);
    for (let id = 1; id <= 2 * many; id += 2) {
      rig.feed(Buffer.concat([request(id), frame(data, flag.endStream, id)]));
      rig.streams.at(-1)?.end(() => response);
    }
    assert.equal(failureOf(rig), undefined);
  });

  test('two WINDOW_UPDATE frames for each response, however short it is: accepted', () => {
    const rig = begun();
    rig.feed(request(1));
    const short = new SharedData([Buffer.of(1)]);
    for (let count = 0; count < many; count += 1) {
      rig.streams[0]?.send(short);
      rig.feed(Buffer.concat([update(0), update(1)]));
    }
    assert.equal(failureOf(rig), undefined);
  });

  test('two WINDOW_UPDATE frames for each 4 KiB of a long response: accepted', () => {
    const rig = begun();
    rig.feed(Buffer.concat([windowOf(2 ** 20), update(0, 2 ** 20), request(1)]));
    rig.streams[0]?.send(new SharedData([Buffer.alloc(2 ** 20)]));
    const both = Buffer.concat([update(0, 4096), update(1, 4096)]);
    for (let read = 0; read < 2 ** 20; read += 4096) rig.feed(both);
    assert.equal(failureOf(rig), undefined);
  });

  test('WINDOW_UPDATE by half of a small window: accepted', () => {
    const rig = begun();
    rig.feed(Buffer.concat([windowOf(2_048), request(1)]));
    rig.streams[0]?.send(new SharedData([Buffer.alloc(many * 1_024)]));
    for (let count = 0; count < many - 2; count += 1)
      rig.feed(Buffer.concat([update(0, 1_024), update(1, 1_024)]));
    assert.equal(failureOf(rig), undefined);
  });

  test('stream that the server ended: late data, END_STREAM and RST_STREAM of each are accepted', () => {
    const rig = begun();
    for (let id = 1; id <= burst - 2; id += 2) {
      rig.feed(request(id));
      rig.streams.at(-1)?.end(() => response);
      rig.feed(Buffer.concat([frame(data, flag.endStream, id), frame(rstStream, 0, id, uint32(0))]));
    }
    assert.equal(failureOf(rig), undefined);
  });
});

suite('HTTP/2 floods: windows and resets', () => {
  test('window of one byte, enlarged by one byte at a time: GOAWAY above the rate', () => {
    const rig = begun();
    rig.feed(Buffer.concat([windowOf(1), request(1)]));
    rig.streams[0]?.send(new SharedData([Buffer.alloc(10_000)]));
    // The frames of one byte explain no updates, however many there are.
    for (let count = 0; count < burst && !rig.connection.isClosed; count += 1) rig.feed(update(1));
    assert.equal(failureOf(rig), undefined);
    rig.feed(update(1));
    assert.equal(failureOf(rig), tooMany);
  });

  test('RST_STREAM again and again on a stream that the server ended: counted after the first', () => {
    const rig = makeConnection({ resets: { burst, perSecond: 1 } });
    rig.feed(Buffer.concat([preface, request(1)]));
    endEarly(rig);
    const reset = frame(rstStream, 0, 1, uint32(8));
    for (let count = 0; count < 1 + burst; count += 1) rig.feed(reset);
    assert.equal(failureOf(rig), undefined);
    rig.feed(reset);
    assert.equal(failureOf(rig), `failed ${errorCode.enhanceYourCalm} too many streams were reset`);
  });

  test('connection that begins late on the clock: the burst is as large as at its start', () => {
    const rig = makeConnection(limits);
    const late = 3_600_000;
    const one = frame(ping, 0, 0, Buffer.alloc(8));
    rig.feed(preface, preface.length, late);
    for (let count = 1; count < burst; count += 1) rig.feed(one, one.length, late);
    assert.equal(failureOf(rig), undefined);
    rig.feed(one, one.length, late);
    assert.equal(failureOf(rig), tooMany);
  });
});

suite('HTTP/2: RST_STREAM of streams that the server ended first', () => {
  /** Opens streams, and ends them all before the client resets each. */
  function endFirst(rig: ConnectionRig, from: number, count: number): void {
    const ids = Array.from({ length: count }, (_, index) => from + 2 * index);
    rig.feed(Buffer.concat(ids.map((id) => request(id))));
    for (const stream of rig.streams.slice(-count)) stream.end(() => response);
    rig.tick();
    rig.feed(Buffer.concat(ids.map((id) => frame(rstStream, 0, id, uint32(8)))));
  }

  for (const concurrentStreams of [1, 100])
    test(`bursts of ${concurrentStreams} streams, as many as may be open: no RST_STREAM counts`, () => {
      const rig = makeConnection({ concurrentStreams, resets: { burst: 0, perSecond: 0 } });
      rig.feed(preface);
      for (let round = 0; round < 20; round += 1)
        endFirst(rig, 1 + 2 * concurrentStreams * round, concurrentStreams);
      assert.equal(failureOf(rig), undefined);
    });

  test('a second RST_STREAM of the same stream: counts', () => {
    const rig = makeConnection({ resets: { burst: 1, perSecond: 0 } });
    rig.feed(preface);
    endFirst(rig, 1, 1);
    rig.feed(frame(rstStream, 0, 1, uint32(8)));
    assert.equal(failureOf(rig), undefined);
    rig.feed(frame(rstStream, 0, 1, uint32(8)));
    assert.equal(failureOf(rig), `failed ${errorCode.enhanceYourCalm} too many streams were reset`);
  });
});
