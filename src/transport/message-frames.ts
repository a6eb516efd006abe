import { SharedData } from '../http2/shared-data.ts';

const frames = new WeakMap<Uint8Array, SharedData>();
/** The last message, without a look-up: a change is sent to all clients in a row. */
let last: { readonly framed: Uint8Array; readonly data: SharedData } | undefined;

/** Returns the frame of a message that includes its gRPC header. All calls that send the message share the frame. */
export function frameOf(framed: Uint8Array): SharedData {
  if (last?.framed === framed) return last.data;
  let data = frames.get(framed);
  if (data === undefined) frames.set(framed, (data = new SharedData([framed])));
  last = { framed, data };
  return data;
}

const messages = new WeakMap<Uint8Array, SharedData>();
let lastMessage: { readonly message: Uint8Array; readonly data: SharedData } | undefined;

/** Returns the frame of an uncompressed message whose bytes never change: adds the gRPC header, once. */
export function frameOfMessage(message: Uint8Array): SharedData {
  if (lastMessage?.message === message) return lastMessage.data;
  let data = messages.get(message);
  if (data === undefined) messages.set(message, (data = frameMessage(message)));
  lastMessage = { message, data };
  return data;
}

/** Returns the frame of an uncompressed message: adds the gRPC header. */
export function frameMessage(message: Uint8Array): SharedData {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return new SharedData([header, message]);
}
