import { SharedData } from '../http2/shared-data.ts';

const frames = new WeakMap<Uint8Array, SharedData>();

/** Returns the frame of a message that includes its gRPC header. All calls that send the message share the frame. */
export function frameOf(framed: Uint8Array): SharedData {
  let data = frames.get(framed);
  if (data === undefined) frames.set(framed, (data = new SharedData([framed])));
  return data;
}

/** Returns the frame of an uncompressed message: adds the gRPC header. */
export function frameMessage(message: Uint8Array): SharedData {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return new SharedData([header, message]);
}
