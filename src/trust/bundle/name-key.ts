const keys = new WeakMap<Uint8Array, string>();

/** A DER name as a string, one character a byte, so that names can be compared and be keys of a map. */
export function nameKey(name: Uint8Array): string {
  let key = keys.get(name);
  if (key === undefined) keys.set(name, (key = Buffer.from(name).toString('latin1')));
  return key;
}
