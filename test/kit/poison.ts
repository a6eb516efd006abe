/** Overwrites the bytes of a shared buffer after their last use, so that any later use is noticed. */
export function poison(bytes: Buffer): void {
  bytes.fill(0xee);
}
