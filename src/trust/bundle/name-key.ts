const keys = new WeakMap<Uint8Array, string>();

/**
 * Returns an encoded Name as a string with one character per byte. It counts the bytes that are sent in handshakes;
 * names are compared with `isSameEncodedName`.
 */
export function nameKey(name: Uint8Array): string {
  let key = keys.get(name);
  if (key === undefined) keys.set(name, (key = Buffer.from(name).toString('latin1')));
  return key;
}
