import { createHash, hash } from 'node:crypto';

/** What a version of several resources is made of. */
export interface Versioned {
  readonly name: string;
  readonly version: string;
}

/** 128 bits in hex: short enough to read in a log, long enough never to collide by accident. */
const versionLength = 32;

/** The version of some bytes: a prefix of their SHA-256 in lower-case hex. */
export function contentVersion(body: Uint8Array): string {
  return hash('sha256', body, 'hex').slice(0, versionLength);
}

/**
 * The version of several resources together: a hash of their names and versions, whatever their order. The
 * lengths are hashed too, so that no two lists read the same.
 */
export function combinedVersion(resources: readonly Versioned[]): string {
  const only = resources[0];
  if (only !== undefined && resources.length === 1) return versionOfOne(only);
  return digest(resources.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)));
}

/** Most streams ask for one name, and thousands of them for the same: remembered while the resource lives. */
const versionsOfOne = new WeakMap<Versioned, string>();

function versionOfOne(resource: Versioned): string {
  let version = versionsOfOne.get(resource);
  if (version === undefined) {
    version = digest([resource]);
    versionsOfOne.set(resource, version);
  }
  return version;
}

function digest(resources: readonly Versioned[]): string {
  const sha256 = createHash('sha256');
  for (const { name, version } of resources) {
    sha256.update(`${name.length}:${name}${version.length}:${version}`);
  }
  return sha256.digest('hex').slice(0, versionLength);
}
