/**
 * The seed of everything random in tests. It is fixed, so that the gate decides the same way each time.
 * `npm run test:fuzz` sets another one for each round, and prints it.
 */
import { env } from 'node:process';

export const seed = Number(env['TEST_SEED'] ?? 20_261_128);

/** How often a property is run, each time with the next seed. */
export const repeats = Number(env['TEST_REPEATS'] ?? 1);

const until = Number(env['TEST_UNTIL'] ?? Infinity);

/** False when a fuzz run is at its end, so that properties are not repeated any more. */
export function hasTime(): boolean {
  return Date.now() < until;
}

/** Returns numbers from 0 to 1, excluding 1 (Mulberry32, which is short and good enough to choose cases). */
export function randomNumbers(from: number = seed): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Returns bytes that depend on the seed and on `salt` only. */
export function randomBytes(length: number, salt = 0): Buffer<ArrayBuffer> {
  const next = randomNumbers(seed + salt);
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) bytes[at] = Math.floor(next() * 256);
  return bytes;
}
