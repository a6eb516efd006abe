import { anonymousNode } from './request.ts';
import type { XdsRequest } from './request.ts';
import type { ResponseContent } from './encode.ts';
import type { ResourceSet } from './resource.ts';

/** Memory of a name beside its bytes: its entries in tables, and what is known of its resource. */
const nameOverhead = 256;
/**
 * Memory of the resource of a name that the set does not list, and of a response with it: no other stream shares them.
 * Measured with the deny-all secrets of trust domains, which take up to 800 bytes with a name of 35 characters.
 */
const unlistedOverhead = 544;
/** Memory of a removed name in a response, beside its characters. */
const removedOverhead = 32;
/** Memory of a type on a stream beside its names. */
const typeOverhead = 1024;
/** Memory that is not counted for each stream. An Envoy with 25 secrets on a stream stays below it. */
const freeBytes = 8192;

/** Returns the sum of the lengths of names, in bytes (UTF-8). */
export function bytesOf(names: Iterable<string>): number {
  let sum = 0;
  for (const name of names) sum += Buffer.byteLength(name);
  return sum;
}

/** Returns the memory of names that a stream keeps, in bytes. `set`: the resources that all streams share. */
export function memoryOfNames(names: ReadonlySet<string>, set: ResourceSet | undefined): number {
  let sum = 0;
  for (const name of names) sum += memoryOfName(name, undefined, set);
  return sum;
}

/**
 * Returns the memory of a name, and of a version that the client quoted for it, in bytes. `set`: the resources that all
 * streams share.
 */
export function memoryOfName(name: string, quoted: string | undefined, set: ResourceSet | undefined): number {
  return quotedBytes(name, quoted) + (set?.resources.has(name) === true ? 0 : unlistedOverhead);
}

function quotedBytes(name: string, quoted = ''): number {
  return Buffer.byteLength(name) + Buffer.byteLength(quoted) + nameOverhead;
}

/**
 * Returns the memory of a response that waits for its ACK, in bytes, without what all streams share. A client chooses
 * the names, and gets new ones sent as often as it likes.
 */
export function memoryOfContent({ resources, removed }: ResponseContent): number {
  let sum = 0;
  for (const { name } of resources) sum += name.length + nameOverhead;
  for (const name of removed) sum += name.length + removedOverhead;
  return sum;
}

/** Returns the memory of a type on a stream, with that of its names, in bytes. */
export function memoryOfType(typeUrl: string, names: number): number {
  return Buffer.byteLength(typeUrl) + typeOverhead + names;
}

/** Returns the part of a stream's memory that counts, in bytes. */
export function countedPart(memory: number): number {
  return Math.max(0, memory - freeBytes);
}

/** Returns the part of the memory of a decoded request that counts while it waits, in bytes. */
export function memoryOfRequest(request: XdsRequest): number {
  const { id, cluster, metadata, userAgentName, userAgentVersion } = request.node ?? anonymousNode;
  const texts = [id, cluster, JSON.stringify(metadata), userAgentName, userAgentVersion, request.nonce];
  const memory = bytesOf(texts) + Buffer.byteLength(request.error?.message ?? '');
  return countedPart(memory + memoryOfType(request.typeUrl, namesIn(request)));
}

function namesIn(request: XdsRequest): number {
  if (request.kind === 'sotw') return memoryOfAll(request.names) + Buffer.byteLength(request.version);
  let sum = memoryOfAll(request.subscribe) + memoryOfAll(request.unsubscribe);
  for (const [name, version] of request.initialVersions) sum += quotedBytes(name, version);
  return sum;
}

function memoryOfAll(names: readonly string[]): number {
  return bytesOf(names) + names.length * nameOverhead;
}
