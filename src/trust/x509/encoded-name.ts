import { canonicalName } from './canonical-name.ts';
import { createCursor } from './der-reader.ts';
import { takeName } from './walk-name.ts';

const keys = new WeakMap<Uint8Array, string>();

/**
 * Returns the canonical form of an encoded Name as one string, for use as a map key. The name must have been parsed
 * before. Two encodings have the same key exactly if BoringSSL considers the names equal. The result is cached while
 * the array lives.
 */
export function canonicalNameKey(der: Uint8Array): string {
  let key = keys.get(der);
  if (key === undefined) {
    const { name } = takeName(createCursor(der, 0, der.length), 'a name');
    keys.set(der, (key = JSON.stringify(canonicalName(name))));
  }
  return key;
}

/** Returns whether BoringSSL considers two encoded Names equal. Most equal names are the same bytes. */
export function isSameEncodedName(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0 || canonicalNameKey(one) === canonicalNameKey(other);
}
