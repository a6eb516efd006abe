import { hash } from 'node:crypto';

/** A name and its version, for `combinedVersion`. */
export interface Versioned {
  readonly name: string;
  readonly version: string;
}

/** 128 bits in hex: short enough to read in a log, long enough to avoid accidental collisions. */
const versionLength = 32;

/** Returns the version of some bytes: the first 32 digits of their SHA-256 in lower-case hex. */
export function contentVersion(body: Uint8Array | string): string {
  return hash('sha256', body, 'hex').slice(0, versionLength);
}

/**
 * Returns the version of several resources together, 32 digits in lower-case hex, independent of their order: the sum
 * of the hashes of each name with its version. The hash of an object is kept, so the object must not change. It is a
 * sum because a stream that gets a thousand names one by one needs a version after each.
 */
export function combinedVersion(resources: Iterable<Versioned>): string {
  let sum = 0n;
  for (const resource of resources) sum += digestOf(resource);
  return BigInt.asUintN(4 * versionLength, sum)
    .toString(16)
    .padStart(versionLength, '0');
}

const digests = new WeakMap<Versioned, bigint>();

function digestOf(resource: Versioned): bigint {
  let digest = digests.get(resource);
  if (digest === undefined) {
    // The length of the name keeps pairs such as (`a`, `bc`) and (`ab`, `c`) apart.
    digest = BigInt(`0x${contentVersion(`${resource.name.length}:${resource.name}${resource.version}`)}`);
    digests.set(resource, digest);
  }
  return digest;
}
