/** HTTP/2 frames of a hostile client, which ignores settings and limits (RFC 9113). */

const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
  /** Of no specification. */
  unknown: 0xbb,
} as const;
export const endStream = 1;
const endHeaders = 4;
/** SETTINGS_INITIAL_WINDOW_SIZE. */
const initialWindow = 4;

/** Returns the bytes of a frame. */
export function frame(type: keyof typeof frameTypes, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(frameTypes[type], 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** The first bytes of a connection: the preface, and empty SETTINGS. */
export const hello: Buffer = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame('settings', 0, 0, Buffer.alloc(0)),
]);

/** Returns SETTINGS that change the window of all streams, to each of the numbers of bytes. */
export function windowSettings(...windows: readonly number[]): Buffer {
  const settings = windows.map((bytes) => {
    const setting = Buffer.alloc(6);
    setting.writeUInt16BE(initialWindow, 0);
    setting.writeUInt32BE(bytes, 2);
    return setting;
  });
  return frame('settings', 0, 0, Buffer.concat(settings));
}

/** Returns the first bytes of a connection whose streams have a window of `bytes` bytes. */
export function helloWithWindow(bytes: number): Buffer {
  return Buffer.concat([hello, windowSettings(bytes)]);
}

/** Returns WINDOW_UPDATE; stream 0 is the connection. */
export function windowUpdate(stream: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame('windowUpdate', 0, stream, payload);
}

/** Returns fields of a header block that stay out of the HPACK table, with a value of `valueBytes` bytes each. */
export function plainFields(count: number, valueBytes: number): Buffer {
  const value = Buffer.concat([Buffer.from([valueBytes]), Buffer.alloc(valueBytes, 'v')]);
  return Buffer.concat(
    Array.from({ length: count }, () => Buffer.concat([Buffer.from([0]), text('x'), value])),
  );
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
}

/** Returns headers for the first call of a connection, which are added to the HPACK table (RFC 7541). */
export function firstHeaders(stream: number, path: string): Buffer {
  const block = Buffer.concat([
    Buffer.from([0x83, 0x86, 0x44]),
    text(path),
    Buffer.from([0x41]),
    text('a'),
    Buffer.from([0x5f]),
    text('application/grpc'),
    Buffer.from([0x40]),
    text('te'),
    text('trailers'),
  ]);
  return frame('headers', endHeaders, stream, block);
}

/** The same with further encoded fields. */
export function headersWith(stream: number, path: string, fields: Buffer): Buffer {
  return frame(
    'headers',
    endHeaders,
    stream,
    Buffer.concat([firstHeaders(stream, path).subarray(9), fields]),
  );
}

/** The same headers for a later stream: six bytes with indexes of the table. */
export function moreHeaders(stream: number): Buffer {
  return frame('headers', endHeaders, stream, Buffer.from([0x83, 0x86, 0xc1, 0xc0, 0xbf, 0xbe]));
}

export function data(stream: number, payload: Buffer): Buffer {
  return frame('data', 0, stream, payload);
}

export function reset(stream: number): Buffer {
  return frame('reset', 0, stream, Buffer.from([0, 0, 0, 8]));
}

/** An invalid WINDOW_UPDATE, so that the server resets the stream. */
export function noUpdate(stream: number): Buffer {
  return frame('windowUpdate', 0, stream, Buffer.alloc(4));
}

/** Frames that cause work but carry no data, by name. They follow the headers of stream 1. */
export const emptyFrames: Readonly<Record<string, Buffer>> = {
  pings: frame('ping', 0, 0, Buffer.alloc(8)),
  settings: frame('settings', 0, 0, Buffer.alloc(0)),
  'empty-data': frame('data', 0, 1, Buffer.alloc(0)),
  priorities: frame('priority', 0, 3, Buffer.alloc(5)),
  'unknown-frames': frame('unknown', 0, 1, Buffer.alloc(0)),
  /** DATA of nothing but padding. */
  padding: frame('data', 8, 1, Buffer.concat([Buffer.from([255]), Buffer.alloc(255)])),
};

/** The beginning of a header block that never ends, and its continuation. */
export const endlessHeaders: readonly [Buffer, Buffer] = [
  frame('headers', 0, 1, Buffer.from([0x83, 0x86])),
  frame('continuation', 0, 1, Buffer.alloc(0)),
];

/** Returns a message with its gRPC header. */
export function message(bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}
