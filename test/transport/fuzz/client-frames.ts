/** Random conversations of a client, as frames. */
import * as fc from '../../kit/fast-check.ts';
import { flag, frameType, setting, writeUint32 } from '../../../src/http2/frame.ts';
import { encodeLiteral } from '../../../src/http2/hpack/encode-field.ts';
import type { Indexing } from '../../../src/http2/hpack/encode-field.ts';
import { frame, postBlock, preface } from '../../http2/rig.ts';

const { data, headers, continuation, rstStream, ping, windowUpdate, priority } = frameType;

/** One step of a client. `stream` counts the streams that the client opened, from the last one. */
type Step =
  | {
      readonly kind: 'open';
      readonly path: string;
      readonly more: readonly (readonly [name: string, value: string, indexing: Indexing])[];
      readonly ends: boolean;
      readonly padding: number;
      /** Bytes of the block in each frame. */
      readonly partLength: number;
    }
  | {
      readonly kind: 'data';
      readonly stream: number;
      readonly length: number;
      readonly ends: boolean;
      readonly padding: number;
    }
  | { readonly kind: 'trailers' | 'reset'; readonly stream: number }
  | { readonly kind: 'window'; readonly stream: number | 'connection'; readonly by: number }
  | { readonly kind: 'settings'; readonly window: number; readonly frameSize: number }
  | { readonly kind: 'ping' | 'unknown' | 'priority' };

const stream = fc.nat(3);
const padding = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 }));

const field = fc.tuple(
  fc.constantFrom('a', 'b', 'user-agent', 'grpc-timeout', 'x-long'),
  fc.constantFrom('1', '2', 'x'.repeat(300), 'y'.repeat(2000)),
  fc.constantFrom<Indexing>('incremental', 'none'),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('open' as const),
      path: fc.constantFrom('/echo', '/large', '/late', '/refuse', '/reset', '/hold'),
      more: fc.array(field, { maxLength: 4 }),
      ends: fc.boolean(),
      padding,
      partLength: fc.constantFrom(7, 1500, 16_000),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('data' as const),
      stream,
      length: fc.constantFrom(0, 1, 30, 3000, 16_000),
      ends: fc.boolean(),
      padding,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('trailers', 'reset'), stream }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('window' as const),
      stream: fc.oneof(stream, fc.constant('connection' as const)),
      by: fc.constantFrom(1, 100, 20_000, 100_000, 300_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('settings' as const),
      window: fc.constantFrom(0, 100, 65_535, 200_000, 1_000_000),
      frameSize: fc.constantFrom(16_384, 70_000, 16_777_215),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('ping', 'unknown', 'priority') }) },
);

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  writeUint32(bytes, 0, value);
  return bytes;
};

function padded(payload: Buffer, length: number): readonly [flags: number, payload: Buffer] {
  return length === 0
    ? [0, payload]
    : [flag.padded, Buffer.concat([Buffer.of(length), payload, Buffer.alloc(length)])];
}

interface ClientStream {
  readonly id: number;
  open: boolean;
}

/** Returns the frames of the steps. A client with rules sends nothing on a stream that it has ended. */
function framesOf(steps: readonly Step[]): readonly Buffer[] {
  const frames: Buffer[] = [preface];
  const streams: ClientStream[] = [];
  const find = (back: number): ClientStream | undefined => streams.at(-1 - back);
  for (const one of steps) {
    switch (one.kind) {
      case 'open': {
        const id = streams.length * 2 + 1;
        streams.push({ id, open: !one.ends });
        const more = one.more.map(([name, value, indexing]) => encodeLiteral(name, value, indexing));
        frames.push(...blockFrames(id, Buffer.concat([postBlock(one.path), ...more]), one));
        break;
      }
      case 'data': {
        const target = find(one.stream);
        if (target?.open !== true) break;
        const [flags, payload] = padded(Buffer.alloc(one.length, target.id), one.padding);
        frames.push(frame(data, flags | (one.ends ? flag.endStream : 0), target.id, payload));
        target.open = !one.ends;
        break;
      }
      case 'trailers': {
        const target = find(one.stream);
        if (target?.open !== true) break;
        const block = Buffer.from(encodeLiteral('x-end', 'yes', 'incremental'));
        frames.push(frame(headers, flag.endHeaders | flag.endStream, target.id, block));
        target.open = false;
        break;
      }
      case 'reset': {
        const target = find(one.stream);
        if (target === undefined) break;
        frames.push(frame(rstStream, 0, target.id, uint32(8)));
        target.open = false;
        break;
      }
      case 'window': {
        const id = one.stream === 'connection' ? 0 : find(one.stream)?.id;
        if (id !== undefined) frames.push(frame(windowUpdate, 0, id, uint32(one.by)));
        break;
      }
      case 'settings': {
        const entries = [
          [setting.initialWindowSize, one.window],
          [setting.maxFrameSize, one.frameSize],
        ] as const;
        const payload = entries.map(([id, value]) => Buffer.concat([Buffer.of(0, id), uint32(value)]));
        frames.push(frame(frameType.settings, 0, 0, Buffer.concat(payload)));
        break;
      }
      case 'ping':
        frames.push(frame(ping, 0, 0, Buffer.alloc(8, 7)));
        break;
      case 'priority':
        frames.push(frame(priority, 0, 101, Buffer.alloc(5)));
        break;
      case 'unknown':
        frames.push(frame(99, 0xff, 77, Buffer.alloc(9)));
        break;
    }
  }
  return frames;
}

function blockFrames(
  id: number,
  block: Buffer,
  {
    ends,
    padding: length,
    partLength,
  }: { readonly ends: boolean; readonly padding: number; readonly partLength: number },
): readonly Buffer[] {
  const parts: Buffer[] = [];
  // At most 8 CONTINUATION frames are read.
  const each = Math.max(partLength, Math.ceil(block.length / 8));
  for (let at = 0; at < block.length; at += each) parts.push(block.subarray(at, at + each));
  return parts.map((part, index) => {
    const last = index === parts.length - 1 ? flag.endHeaders : 0;
    if (index > 0) return frame(continuation, last, id, part);
    const [flags, payload] = padded(part, length);
    return frame(headers, flags | last | (ends ? flag.endStream : 0), id, payload);
  });
}

/** A conversation that follows the rules, as far as the client knows what the server has sent. */
export const honestFrames: fc.Arbitrary<readonly Buffer[]> = fc.array(step, { maxLength: 40 }).map(framesOf);

const junk: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.oneof(fc.nat(10), fc.nat(255)),
    fc.nat(255),
    fc.oneof(fc.nat(9), fc.nat(2 ** 31 - 1)),
    fc.uint8Array({ maxLength: 60 }),
  )
  .map(([type, flags, id, payload]) => frame(type, flags, id, payload));

type Change =
  | { readonly kind: 'flip'; readonly at: number; readonly bits: number }
  | { readonly kind: 'cut' | 'repeat'; readonly at: number; readonly length: number }
  | { readonly kind: 'insert'; readonly at: number; readonly frame: Buffer }
  | { readonly kind: 'swap'; readonly at: number };

/** Positions are fractions of the conversation. */
const at = fc.double({ min: 0, max: 0.999, noNaN: true });

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at, bits: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constantFrom('cut' as const, 'repeat' as const), at, length: fc.nat(40) }),
  fc.record({ kind: fc.constant('insert' as const), at, frame: junk }),
  fc.record({ kind: fc.constant('swap' as const), at }),
);

/** A conversation with changed bytes, and with frames that are changed, repeated, exchanged or made up. */
export const hostileBytes: fc.Arbitrary<Buffer> = fc
  .tuple(honestFrames, fc.array(change, { maxLength: 6 }))
  .map(([frames, changes]) =>
    changes.reduce(applyChange, frames).reduce((all, one) => Buffer.concat([all, one])),
  );

function applyChange(frames: readonly Buffer[], one: Change): readonly Buffer[] {
  const index = Math.floor(one.at * frames.length);
  const changed = [...frames];
  const target = Buffer.from(frames[index] ?? []);
  switch (one.kind) {
    case 'insert':
      changed.splice(Math.max(1, index), 0, one.frame);
      return changed;
    case 'swap':
      changed.splice(index, 1);
      changed.splice(Math.max(1, frames.length - index), 0, target);
      return changed;
    case 'flip': {
      const place = Math.floor((one.at * 1009) % Math.max(1, target.length));
      target[place] = (target[place] ?? 0) ^ one.bits;
      changed[index] = target;
      return changed;
    }
    case 'cut':
    case 'repeat': {
      const place = Math.floor((one.at * 1009) % Math.max(1, target.length));
      const part = target.subarray(place, place + one.length);
      const before = target.subarray(0, place);
      const rest = target.subarray(place + (one.kind === 'cut' ? one.length : 0));
      changed[index] = Buffer.concat(one.kind === 'cut' ? [before, rest] : [before, part, rest]);
      return changed;
    }
  }
}
