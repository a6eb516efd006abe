import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { encodeOpening } from '../../bench/fanout/client-frames.ts';
import { H2Client } from '../../bench/fanout/h2-client.ts';
import { flag, frameHeaderLength, frameType, setting } from '../../src/http2/frame.ts';
import { encodeIndexed, encodeLiteral } from '../../src/http2/hpack/encode-field.ts';
import { frame, preface } from '../http2/rig.ts';

const window = 100_000;
const opening = encodeOpening({ scheme: 'http', authority: 'localhost:1', path: '/x', window });

interface Rig {
  readonly client: H2Client;
  /** Events of the client: `accepted`, `data hello`, `ended reason`. */
  readonly events: string[];
  /** Passes frames of the server to the client, in parts of at most `chunk` bytes that are overwritten afterwards. */
  feed(bytes: Uint8Array, chunk?: number): void;
  /** Returns the frames that the client has written since the last call: `type flags stream hex`. */
  sent(): readonly string[];
}

const names = Object.fromEntries(Object.entries(frameType).map(([name, type]) => [type, name]));

/** A client without a socket, which has sent its opening and a message. */
function open(message = ''): Rig {
  const events: string[] = [];
  let out = Buffer.alloc(0);
  const socket = {
    write: (bytes: Uint8Array) => (out = Buffer.concat([out, bytes])),
    cork: () => undefined,
    uncork: () => undefined,
  };
  const client = new H2Client(socket, window, {
    accepted: () => events.push('accepted'),
    data: (source, from, to) => events.push(`data ${source.toString('latin1', from, to)}`),
    ended: (reason) => events.push(`ended ${reason}`),
  });
  client.open(opening, withRoom(message));
  assert.ok(out.subarray(0, opening.length).equals(opening));
  out = out.subarray(opening.length);
  return {
    client,
    events,
    feed(bytes, chunk = bytes.length) {
      for (let at = 0; at < bytes.length; at += chunk) {
        const part = Buffer.from(bytes.subarray(at, at + chunk));
        client.receive(part, 0, part.length);
        part.fill(0xee);
      }
    },
    sent() {
      const frames: string[] = [];
      for (let at = 0; at < out.length;) {
        const [length, end] = [out.readUIntBE(at, 3), at + 9 + out.readUIntBE(at, 3)];
        const content = length > 8 ? `${length} bytes` : out.toString('hex', at + 9, end);
        frames.push(
          `${names[out[at + 3] ?? -1]} ${out[at + 4]} ${out.readUInt32BE(at + 5)} ${content}`.trim(),
        );
        at = end;
      }
      out = Buffer.alloc(0);
      return frames;
    },
  };
}

/** Returns a message in one part, with room for a frame header. */
function withRoom(text: string): [Buffer] {
  return [Buffer.concat([Buffer.alloc(frameHeaderLength, 0xee), Buffer.from(text)])];
}

function settings(...entries: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(entries.length * 6);
  for (const [index, [identifier, value]] of entries.entries()) {
    payload.writeUInt16BE(identifier, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame(frameType.settings, 0, 0, payload);
}

function uint32s(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}

const data = (text: string, flags = 0): Buffer =>
  frame(frameType.data, flags, 1, Buffer.from(text, 'latin1'));
const windowUpdate = (id: number, by: number): Buffer => frame(frameType.windowUpdate, 0, id, uint32s(by));
const settingsAck = frame(frameType.settings, flag.ack, 0);
const responseHead = frame(frameType.headers, flag.endHeaders, 1, encodeIndexed(8));
/** Trailers whose status is added to the dynamic table: entry 62 from then on. */
const trailers = (status: string): Buffer =>
  frame(
    frameType.headers,
    flag.endHeaders | flag.endStream,
    1,
    encodeLiteral('grpc-status', status, 'incremental'),
  );

suite('HTTP/2 client of the load generator', () => {
  test('opening: is the preface, SETTINGS, the window of the connection, and HEADERS', () => {
    assert.ok(opening.subarray(0, 24).equals(preface.subarray(0, 24)));
    const expected = settings([setting.enablePush, 0], [setting.initialWindowSize, window]);
    assert.ok(opening.subarray(24, 24 + expected.length).equals(expected));
    const update = windowUpdate(0, window - 65_535);
    assert.ok(
      opening
        .subarray(24 + expected.length)
        .subarray(0, update.length)
        .equals(update),
    );
    assert.equal(opening[24 + expected.length + update.length + 3], frameType.headers);
  });

  test('first SETTINGS: are acknowledged and reported once', () => {
    const rig = open('hi');
    rig.feed(Buffer.concat([settings(), settingsAck, settings([setting.maxConcurrentStreams, 5])]));
    assert.deepEqual(rig.events, ['accepted']);
    assert.deepEqual(rig.sent(), ['data 0 1 6869', 'settings 1 0', 'settings 1 0']);
  });

  test('PING: is acknowledged with its payload, and an acknowledgement is not', () => {
    const rig = open();
    rig.sent();
    rig.feed(frame(frameType.ping, 0, 0, Buffer.from('12345678')));
    rig.feed(frame(frameType.ping, flag.ack, 0, Buffer.from('12345678')));
    assert.deepEqual(rig.sent(), ['ping 1 0 3132333435363738']);
  });

  for (const chunk of [1, 2, 7, 1000])
    test(`frames in parts of ${chunk} bytes: all are read`, () => {
      const rig = open();
      const padded = data('\x03three\0\0\0', flag.padded);
      const bytes = [settings(), responseHead, data('one'), data(''), data('two'), padded, trailers('7')];
      rig.feed(Buffer.concat(bytes), chunk);
      const text = rig.events.filter((event) => event.startsWith('data ')).map((event) => event.slice(5));
      assert.equal(text.join(''), 'onetwothree');
      assert.equal(rig.events[0], 'accepted');
      assert.equal(rig.events.at(-1), 'ended status 7');
    });

  test('half of the window used, padding included: both windows are given back', () => {
    const rig = open();
    rig.feed(settings());
    rig.sent();
    const padded = Buffer.concat([Buffer.from([255]), Buffer.alloc(255)]).toString('latin1');
    for (let left = window / 2 - 256 - 1; left > 0; left -= 16_384)
      rig.feed(data('x'.repeat(Math.min(left, 16_384))));
    rig.feed(data(padded, flag.padded));
    assert.deepEqual(rig.sent(), []);
    rig.feed(data('x'));
    assert.deepEqual(rig.sent(), ['windowUpdate 0 0 0000c350', 'windowUpdate 0 1 0000c350']);
    rig.feed(data('x'));
    assert.deepEqual(rig.sent(), []);
  });

  test('request longer than a frame: is split', () => {
    const rig = open('x'.repeat(40_000));
    assert.deepEqual(rig.sent(), ['data 0 1 16384 bytes', 'data 0 1 16384 bytes', 'data 0 1 7232 bytes']);
  });

  test('message in parts: its frames have the same lengths as those of one part', () => {
    const rig = open();
    rig.sent();
    rig.client.send([
      ...withRoom('ab'),
      Buffer.from('x'.repeat(16_381)),
      Buffer.from('cdef'),
      Buffer.alloc(0),
    ]);
    assert.deepEqual(rig.sent(), ['data 0 1 16384 bytes', 'data 0 1 646566']);
    rig.client.send([...withRoom(''), Buffer.from('ab'), Buffer.from('cd')]);
    assert.deepEqual(rig.sent(), ['data 0 1 61626364']);
  });

  test('larger SETTINGS_MAX_FRAME_SIZE of the server: is used', () => {
    const rig = open();
    rig.feed(settings([setting.maxFrameSize, 32_768]));
    rig.sent();
    rig.client.send(withRoom('x'.repeat(32_768)));
    assert.deepEqual(rig.sent(), ['data 0 1 32768 bytes']);
  });

  test('requests larger than the windows: wait for WINDOW_UPDATE of both, in order', () => {
    const rig = open('x'.repeat(65_535));
    rig.client.send(withRoom('abc'));
    rig.client.send(withRoom('de'));
    assert.equal(rig.sent().length, 4);
    rig.feed(windowUpdate(1, 10));
    assert.deepEqual(rig.sent(), []);
    rig.feed(windowUpdate(0, 2));
    assert.deepEqual(rig.sent(), ['data 0 1 6162']);
    rig.feed(windowUpdate(0, 100));
    assert.deepEqual(rig.sent(), ['data 0 1 636465']);
    rig.client.send(withRoom('123456'));
    assert.deepEqual(rig.sent(), ['data 0 1 3132333435']);
  });

  test('SETTINGS_INITIAL_WINDOW_SIZE of the server: changes the window of the open stream, also below 0', () => {
    const rig = open('12345');
    rig.sent();
    rig.feed(settings([setting.initialWindowSize, 3]));
    rig.client.send(withRoom('ab'));
    rig.feed(windowUpdate(1, 2));
    assert.deepEqual(rig.sent(), ['settings 1 0']);
    rig.feed(settings([setting.initialWindowSize, 4]));
    assert.deepEqual(rig.sent(), ['data 0 1 61', 'settings 1 0']);
  });

  test('setWindow: resolves at the acknowledgement of its SETTINGS, not at an earlier one', async () => {
    const rig = open();
    const order: string[] = [];
    const closed = rig.client.setWindow(0).then(() => order.push('closed'));
    rig.feed(Buffer.concat([settings(), settingsAck]));
    await Promise.resolve();
    order.push('first acknowledged');
    rig.feed(settingsAck);
    await closed;
    assert.deepEqual(order, ['first acknowledged', 'closed']);
  });

  test('setWindow of a client that ends: rejects', async () => {
    const rig = open();
    const closed = rig.client.setWindow(0);
    rig.client.stop('stopped');
    await assert.rejects(closed, /stopped/);
    await assert.rejects(rig.client.setWindow(0), /has ended/);
    assert.deepEqual(rig.events, []);
  });

  const status = encodeLiteral('grpc-status', '16', 'none');
  const ends: readonly (readonly [name: string, bytes: Buffer, reason: string])[] = [
    ['trailers without response headers', trailers('12'), 'status 12'],
    [
      'trailers in CONTINUATION',
      Buffer.concat([
        responseHead,
        frame(frameType.headers, flag.endStream, 1, status.subarray(0, 5)),
        frame(frameType.continuation, flag.endHeaders, 1, status.subarray(5)),
      ]),
      'status 16',
    ],
    [
      'trailers without a status',
      frame(frameType.headers, flag.endHeaders | flag.endStream, 1),
      'status none',
    ],
    ['HTTP error', frame(frameType.headers, flag.endHeaders, 1, encodeIndexed(13)), 'HTTP status 404'],
    ['DATA with END_STREAM', data('x', flag.endStream), 'the stream ended without a status'],
    ['RST_STREAM', frame(frameType.rstStream, 0, 1, uint32s(8)), 'stream reset with code 8'],
    [
      'GOAWAY',
      frame(frameType.goAway, 0, 0, Buffer.concat([uint32s(1, 11), Buffer.from('slow')])),
      'GOAWAY with code 11 slow',
    ],
    ['GOAWAY for the stream', frame(frameType.goAway, 0, 0, uint32s(0, 0)), 'GOAWAY with code 0'],
    [
      'padding that is longer than its frame',
      frame(frameType.data, flag.padded, 1, Buffer.from([2, 0])),
      'Error: padding is longer than its frame',
    ],
    [
      'malformed header block',
      frame(frameType.headers, flag.endHeaders, 1, Buffer.from([0xff])),
      'HpackError: the block is truncated',
    ],
    [
      'frame that is too long',
      Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 1]),
      'the server sent a frame that is longer than SETTINGS_MAX_FRAME_SIZE',
    ],
  ];
  for (const [name, bytes, reason] of ends)
    test(`${name}: ends the client, once, and nothing is read after it`, () => {
      const rig = open();
      rig.feed(Buffer.concat([settings(), bytes, data('late'), trailers('0')]));
      const events = rig.events.filter((event) => event !== 'data x');
      assert.deepEqual(events, ['accepted', `ended ${reason}`]);
    });

  for (const [name, bytes] of [
    ['GOAWAY for later streams', frame(frameType.goAway, 0, 0, uint32s(1, 0))],
    ['GOAWAY for streams that do not exist', frame(frameType.goAway, 0, 0, uint32s(2 ** 31 - 1, 0))],
    ['unknown frame', frame(200, 255, 3, Buffer.from('x'))],
  ] as const)
    test(`${name}: the client continues`, () => {
      const rig = open();
      rig.feed(Buffer.concat([settings(), bytes, data('x')]));
      assert.deepEqual(rig.events, ['accepted', 'data x']);
    });

  test('trailers that refer to the dynamic table: are decoded', () => {
    const rig = open();
    const head = Buffer.concat([encodeIndexed(8), encodeLiteral('grpc-status', '5', 'incremental')]);
    rig.feed(frame(frameType.headers, flag.endHeaders, 1, head));
    rig.feed(frame(frameType.headers, flag.endHeaders | flag.endStream, 1, encodeIndexed(62)));
    assert.deepEqual(rig.events, ['ended status 5']);
  });
});
