const keys = new WeakMap<Uint8Array, string>();

/** Returns a DER name as a string with one character per byte, for comparisons and as a map key. */
export function nameKey(name: Uint8Array): string {
  let key = keys.get(name);
  if (key === undefined) keys.set(name, (key = Buffer.from(name).toString('latin1')));
  return key;
}
