import { SharedData } from '../http2/shared-data.ts';

const frames = new WeakMap<Uint8Array, SharedData>();

/** Returns the frame of a message that has gRPC's header already: created once for all calls that send it. */
export function frameOf(framed: Uint8Array): SharedData {
  let data = frames.get(framed);
  if (data === undefined) frames.set(framed, (data = new SharedData([framed])));
  return data;
}

/** Puts gRPC's header before a message that is not compressed. */
export function frameMessage(message: Uint8Array): SharedData {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return new SharedData([header, message]);
}
