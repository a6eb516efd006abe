import { createWireReader } from '../wire/read.ts';
import type { XdsNode } from '../core/request.ts';

// Tags: eight times the field number, plus 2 for a value with a length. Field numbers are those of `proto/`.
const nodeTags = {
  id: 10,
  cluster: 18,
  metadata: 26,
  userAgentName: 50,
  userAgentVersion: 58,
  buildVersion: 66,
};
const structTags = { entry: 10 };
const entryTags = { key: 10, value: 18 };
const valueTags = { string: 26 };
const buildVersionTags = { version: 10 };
const semanticVersionTags = { major: 8, minor: 16, patch: 24 };

/** The metadata of most nodes. An object without a prototype is a table, which takes 200 bytes. */
const noMetadata: Readonly<Record<string, unknown>> = Object.freeze(
  Object.create(null) as Record<string, unknown>,
);

/**
 * Creates a decoder that reads of a node its id, cluster and user agent, and the metadata fields that are strings
 * and have one of the given names. It skips everything else without creating objects: a node may have 40,000
 * metadata fields in 512 KiB, for which the complete decoder takes a fifth of a second.
 */
export function createNodeDecoder(names: readonly string[]): (bytes: Buffer) => XdsNode {
  const wanted = names.map((name) => ({ name, bytes: Buffer.from(name) }));

  /** Adds the wanted fields to those that were found before; `undefined`: none. */
  function readMetadata(
    struct: Buffer,
    before: Record<string, unknown> | undefined,
  ): Record<string, unknown> | undefined {
    const cursor = createCursor(struct);
    let into = before;
    while (cursor.at < struct.length) {
      const tag = cursor.varint();
      if (tag !== structTags.entry) {
        cursor.skip(tag);
        continue;
      }
      const entryEnd = cursor.end();
      let [keyStart, keyEnd, valueStart, valueEnd] = [0, 0, 0, 0];
      while (cursor.at < entryEnd) {
        const part = cursor.varint();
        if (part === entryTags.key) [keyStart, keyEnd] = cursor.span();
        else if (part === entryTags.value) [valueStart, valueEnd] = cursor.span();
        else cursor.skip(part);
      }
      if (cursor.at !== entryEnd) throw new Error('an entry of the metadata has a wrong length');
      const found = wanted.find(({ bytes }) => isAt(struct, bytes, keyStart, keyEnd));
      if (found === undefined) continue;
      into ??= Object.create(null) as Record<string, unknown>;
      into[found.name] = readString(struct.subarray(valueStart, valueEnd));
    }
    return into;
  }

  return (bytes) => {
    const reader = createWireReader(bytes);
    let metadata: Record<string, unknown> | undefined;
    let [id, cluster, userAgentName] = ['', '', ''];
    let userAgentVersion: string | undefined;
    let buildVersion = '';
    while (!reader.done) {
      const tag = reader.varint();
      switch (tag) {
        case nodeTags.id:
          id = reader.string();
          break;
        case nodeTags.cluster:
          cluster = reader.string();
          break;
        case nodeTags.metadata:
          metadata = readMetadata(reader.bytes(), metadata);
          break;
        case nodeTags.userAgentName:
          userAgentName = reader.string();
          break;
        case nodeTags.userAgentVersion:
          userAgentVersion = reader.string();
          break;
        case nodeTags.buildVersion:
          buildVersion = readBuildVersion(reader.bytes());
          break;
        default:
          reader.skip(tag);
      }
    }
    if (!reader.sound) throw new Error('the node cannot be decoded');
    userAgentVersion ??= buildVersion;
    return { id, cluster, metadata: metadata ?? noMetadata, userAgentName, userAgentVersion };
  };
}

/** True if these bytes of the message equal the given ones. A loop, because `compare` costs more for short names. */
function isAt(message: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== bytes.length) return false;
  for (let index = 0; index < bytes.length; index += 1) {
    if (message[start + index] !== bytes[index]) return false;
  }
  return true;
}

/** Reads a `google.protobuf.Value`. Returns null if it is not a string. */
function readString(bytes: Buffer): string | null {
  const reader = createWireReader(bytes);
  let value: string | null = null;
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === valueTags.string) value = reader.string();
    else {
      reader.skip(tag);
      value = null;
    }
  }
  if (!reader.sound) throw new Error('a field of the metadata cannot be decoded');
  return value;
}

function readBuildVersion(bytes: Buffer): string {
  const reader = createWireReader(bytes);
  let version = '';
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === buildVersionTags.version) version = readSemanticVersion(reader.bytes());
    else reader.skip(tag);
  }
  if (!reader.sound) throw new Error('the version of the user agent cannot be decoded');
  return version;
}

function readSemanticVersion(bytes: Buffer): string {
  const reader = createWireReader(bytes);
  let [major, minor, patch] = [0, 0, 0];
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === semanticVersionTags.major) major = reader.varint();
    else if (tag === semanticVersionTags.minor) minor = reader.varint();
    else if (tag === semanticVersionTags.patch) patch = reader.varint();
    else reader.skip(tag);
  }
  if (!reader.sound) throw new Error('the version of the user agent cannot be decoded');
  return `${major}.${minor}.${patch}`;
}

/** Walks through a message without creating an object for each field. */
interface Cursor {
  readonly at: number;
  varint(): number;
  /** Reads a length and returns the end of the value. */
  end(): number;
  /** Reads a length, skips the value, and returns its position. */
  span(): [start: number, end: number];
  skip(tag: number): void;
}

function createCursor(message: Buffer): Cursor {
  let at = 0;

  function varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at];
      if (byte === undefined) break;
      at += 1;
      if (shift < 28) value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new Error('the metadata is truncated');
  }

  function checked(end: number): number {
    if (end > message.length) throw new Error('the metadata is truncated');
    return end;
  }

  function end(): number {
    const length = varint();
    return checked(at + length);
  }

  return {
    get at() {
      return at;
    },
    varint,
    end,
    span() {
      const last = end();
      const start = at;
      at = last;
      return [start, last];
    },
    skip(tag) {
      switch (tag & 7) {
        case 0:
          varint();
          return;
        case 1:
          at = checked(at + 8);
          return;
        case 2:
          at = end();
          return;
        case 5:
          at = checked(at + 4);
          return;
        default:
          throw new Error('the metadata contains a group');
      }
    },
  };
}
