import type { RequestError } from '../core/check-request.ts';
import { createWireReader } from '../wire/read.ts';

/** Maximum numbers of entries in the lists of one request. Longer lists are refused before they are decoded. */
export interface EntryLimits {
  /** Names in one list. */
  readonly names: number;
  readonly quotedVersions: number;
}

/** The error of a request with a list above its limit. */
class TooManyEntries extends Error {}

function tooManyNames({ names }: EntryLimits): TooManyEntries {
  return new TooManyEntries(`more than ${names} resource names in one request`);
}

function tooManyVersions({ quotedVersions }: EntryLimits): TooManyEntries {
  return new TooManyEntries(`more than ${quotedVersions} quoted versions`);
}

/** Returns the error that ends a stream after its request could not be decoded. */
export function decodingError(error: unknown): RequestError {
  return error instanceof TooManyEntries
    ? { code: 'RESOURCE_EXHAUSTED', message: error.message }
    : { code: 'INVALID_ARGUMENT', message: 'the request cannot be decoded' };
}

/** The tags of the lists in a request. */
export interface ListTags {
  readonly names: readonly number[];
  readonly quotedVersions?: number | undefined;
}

/**
 * Counts the entries of a request's lists without decoding them: 512 KiB have room for 170,000 names, for which the
 * decoder takes 20 ms.
 * @throws {TooManyEntries} if a list is above its limit.
 */
export function checkEntries(bytes: Buffer, tags: ListTags, limits: EntryLimits): void {
  // Each entry takes two bytes at least.
  if (bytes.length <= 2 * Math.min(limits.names, limits.quotedVersions)) return;
  const reader = createWireReader(bytes);
  const counts = new Map<number, number>();
  let versions = 0;
  while (!reader.done) {
    const tag = reader.varint();
    reader.skip(tag);
    if (tag === tags.quotedVersions) {
      versions += 1;
      if (versions > limits.quotedVersions) throw tooManyVersions(limits);
    } else if (tags.names.includes(tag)) {
      const count = (counts.get(tag) ?? 0) + 1;
      if (count > limits.names) throw tooManyNames(limits);
      counts.set(tag, count);
    }
  }
}
