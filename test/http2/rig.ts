import { ServerConnection } from '../../src/http2/connection.ts';
import type { ErrorCode } from '../../src/http2/frame.ts';
import { frameType, writeFrameHeader } from '../../src/http2/frame.ts';
import { encodeIndexed, encodeLiteral } from '../../src/http2/hpack/encode-field.ts';
import { SharedFields } from '../../src/http2/hpack/shared-fields.ts';
import { defaultConnectionLimits } from '../../src/http2/limits.ts';
import type { ConnectionLimits } from '../../src/http2/limits.ts';
import { OutputPool } from '../../src/http2/output-pool.ts';
import type { OutputBudget } from '../../src/http2/output-budget.ts';
import type { SharedData } from '../../src/http2/shared-data.ts';
import type { ServerStream } from '../../src/http2/stream.ts';

/** A frame that the server sent. */
export interface SentFrame {
  readonly type: string;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** A connection without a socket: the test passes bytes in, and reads sent frames and events of the application. */
export interface ConnectionRig {
  readonly connection: ServerConnection;
  /** Open and closed streams, in the order of their requests. */
  readonly streams: ServerStream[];
  /** Events of the application: `request 1 POST /x`, `data 1 hello`, `ended 1`, `aborted 1`, `failed 11 reason`. */
  readonly events: string[];
  /** Called with each request, after its event. */
  onRequest: (stream: ServerStream) => void;
  readonly ended: () => boolean;
  /** Passes bytes in parts of at most `chunk` bytes. Each part has a buffer that is overwritten after it was read. */
  feed(bytes: Uint8Array, chunk?: number, now?: number): void;
  /** Returns the frames that were sent since the last call. */
  sent(): readonly SentFrame[];
  /** The bytes of the last write, not a copy. */
  readonly lastWrite: () => Uint8Array | undefined;
  /** Runs the work that was deferred to the end of the tick. */
  tick(): void;
  /** True if the requests of the client are incomplete, so that further data has to follow. */
  isIncomplete: boolean;
  /** Number of written bytes that the kernel has not accepted. */
  unsent: number;
  /** The writes to the socket. */
  readonly written: { readonly bytes: Buffer; readonly shared: SharedData | undefined }[];
  /** The memory for output that clients have not taken. */
  readonly budget: OutputBudget;
}

const names = Object.fromEntries(Object.entries(frameType).map(([name, type]) => [type, name]));

export const preface: Buffer = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'),
  frame(frameType.settings, 0, 0),
]);

/** Returns a frame with any content. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  writeFrameHeader(bytes, 0, payload.length, type, flags, streamId);
  bytes.set(payload, 9);
  return bytes;
}

/** Returns the header block of a POST request. */
export function postBlock(path = '/x', more: readonly (readonly [string, string])[] = []): Buffer {
  return Buffer.concat([
    encodeIndexed(3),
    encodeIndexed(6),
    encodeLiteral(':path', path, 'none'),
    ...more.map(([name, value]) => encodeLiteral(name, value, 'none')),
  ]);
}

export function makeConnection(
  limits: Partial<ConnectionLimits> = {},
  maxHeldBytes: number = Number.POSITIVE_INFINITY,
): ConnectionRig {
  const deferred: (() => void)[] = [];
  const streams: ServerStream[] = [];
  const events: string[] = [];
  let out = Buffer.alloc(0);
  let lastWrite: Uint8Array | undefined;
  let ended = false;
  const shared = {
    pool: new OutputPool((work) => deferred.push(work), undefined, maxHeldBytes),
    fields: new SharedFields(),
    limits: { ...defaultConnectionLimits, ...limits },
    time: { now: 0 },
  };
  const rig: ConnectionRig = {
    connection: new ServerConnection(
      shared,
      {
        write(bytes, data) {
          rig.written.push({ bytes, shared: data });
          lastWrite = bytes;
          out = Buffer.concat([out, bytes]);
        },
        get unsent() {
          return rig.unsent;
        },
        end: () => (ended = true),
      },
      {
        request(stream, head) {
          streams.push(stream);
          events.push(`request ${stream.id} ${head.method} ${head.path}`);
          rig.onRequest(stream);
          return {
            get isIncomplete() {
              return rig.isIncomplete;
            },
            data: (source, from, to) =>
              events.push(`data ${stream.id} ${source.toString('latin1', from, to)}`),
            ended: () => events.push(`ended ${stream.id}`),
            aborted: () => events.push(`aborted ${stream.id}`),
          };
        },
        failed: (code: ErrorCode, reason) => events.push(`failed ${code} ${reason}`),
        pong: (payload) => events.push(`pong ${payload}`),
        outputExceeded: () => events.push('output exceeded'),
      },
    ),
    streams,
    events,
    onRequest: () => undefined,
    ended: () => ended,
    lastWrite: () => lastWrite,
    isIncomplete: false,
    unsent: 0,
    written: [],
    budget: shared.pool.budget,
    feed(bytes, chunk = bytes.length, now = 0) {
      for (let at = 0; at < bytes.length; at += Math.max(1, chunk)) {
        const part = Buffer.from(bytes.subarray(at, at + Math.max(1, chunk)));
        rig.connection.receive(part, 0, part.length, now);
        // A reader that has kept a part of it without a copy gets other bytes.
        part.fill(0xee);
      }
    },
    sent() {
      const frames: SentFrame[] = [];
      let at = 0;
      while (at < out.length) {
        const length = out.readUIntBE(at, 3);
        frames.push({
          type: names[out[at + 3] ?? -1] ?? 'unknown',
          flags: out[at + 4] ?? 0,
          streamId: out.readUInt32BE(at + 5),
          payload: Buffer.from(out.subarray(at + 9, at + 9 + length)),
        });
        at += 9 + length;
      }
      out = Buffer.alloc(0);
      return frames;
    },
    tick() {
      for (const work of deferred.splice(0)) work();
    },
  };
  return rig;
}
