import { createWireReader } from '../wire/read.ts';
import type { WireReader } from '../wire/read.ts';
import type { DeltaRequest, ErrorDetail, SotwRequest, XdsNode } from '../core/request.ts';
import type { ListTags } from './entry-limits.ts';
import { typeUrls } from '../core/type-urls.ts';

/**
 * Decodes the bytes of a node. `undefined` if the node is not needed: it is then skipped, which is nearly all of
 * an Envoy's request.
 */
export type DecodeNode = ((bytes: Uint8Array) => XdsNode | undefined) | undefined;

// Tags: eight times the field number, plus 2 for a value with a length. Field numbers are those of `proto/`.
const deltaTags = {
  node: 10,
  typeUrl: 18,
  subscribe: 26,
  unsubscribe: 34,
  initialVersions: 42,
  nonce: 50,
  error: 58,
};
const sotwTags = { version: 10, node: 18, names: 26, typeUrl: 34, nonce: 42, error: 50 };
const entryTags = { key: 10, value: 18 };
/** Tags of `google.rpc.Status`. */
const statusTags = { code: 8, message: 18 };
/** The tags of the lists in a `DeltaDiscoveryRequest`. */
export const deltaLists: ListTags = {
  names: [deltaTags.subscribe, deltaTags.unsubscribe],
  quotedVersions: deltaTags.initialVersions,
};
/** The tags of the lists in a `DiscoveryRequest`. */
export const sotwLists: ListTags = { names: [sotwTags.names] };
/** Tags from here on belong to fields that neither message has. */
const firstUnknownTag = 64;

/** The fields of both messages. `names` are those of a `DiscoveryRequest`, or those to subscribe to. */
interface Fields {
  node: Buffer | undefined;
  typeUrl: string;
  names: string[] | undefined;
  unsubscribe: string[] | undefined;
  initialVersions: Map<string, string> | undefined;
  version: string;
  nonce: string;
  error: ErrorDetail | undefined;
}

/** Reads the value of a field. Returns false if it is not in the form that clients write. */
type FieldReader = (reader: WireReader, fields: Fields) => boolean;

/** The readers of the fields of a message, by tag. */
type FieldReaders = readonly (FieldReader | undefined)[];

const readNode: FieldReader = (reader, fields) => {
  if (fields.node !== undefined) return false;
  fields.node = reader.bytes();
  return true;
};

const readTypeUrl: FieldReader = (reader, fields) => {
  fields.typeUrl = knownType(reader.string());
  return true;
};

const readName: FieldReader = (reader, fields) => {
  const name = reader.string();
  // Not `push` for the first, which reserves room for 17 entries.
  if (fields.names === undefined) fields.names = [name];
  else fields.names.push(name);
  return true;
};

const readNonce: FieldReader = (reader, fields) => {
  fields.nonce = reader.string();
  return true;
};

const readError: FieldReader = (reader, fields) => {
  if (fields.error !== undefined) return false;
  fields.error = readStatus(reader.bytes());
  return fields.error !== undefined;
};

const deltaFields = byTag({
  [deltaTags.node]: readNode,
  [deltaTags.typeUrl]: readTypeUrl,
  [deltaTags.subscribe]: readName,
  [deltaTags.unsubscribe]: (reader, fields) => {
    (fields.unsubscribe ??= []).push(reader.string());
    return true;
  },
  [deltaTags.initialVersions]: (reader, fields) => {
    fields.initialVersions ??= new Map();
    return readEntry(reader.bytes(), fields.initialVersions);
  },
  [deltaTags.nonce]: readNonce,
  [deltaTags.error]: readError,
});

const sotwFields = byTag({
  [sotwTags.version]: (reader, fields) => {
    fields.version = reader.string();
    return true;
  },
  [sotwTags.node]: readNode,
  [sotwTags.names]: readName,
  [sotwTags.typeUrl]: readTypeUrl,
  [sotwTags.nonce]: readNonce,
  [sotwTags.error]: readError,
});

function byTag(readers: Readonly<Record<number, FieldReader>>): FieldReaders {
  return Array.from({ length: firstUnknownTag }, (_, tag) => readers[tag]);
}

/**
 * Decodes a `DeltaDiscoveryRequest` in the form that clients write. Returns `undefined` for everything else,
 * whether invalid or only rare: a duplicate field, details of an error, a truncated message. The complete decoder
 * then decides.
 * @throws the errors of `decodeNode`.
 */
export function decodePlainDelta(bytes: Buffer, decodeNode: DecodeNode): DeltaRequest | undefined {
  const fields = readFields(bytes, deltaFields);
  if (fields === undefined) return undefined;
  const { typeUrl, names, unsubscribe = noNames, initialVersions = noVersions, nonce, error } = fields;
  const node = decodedNode(fields.node, decodeNode);
  const subscribe = names ?? noNames;
  return { kind: 'delta', node, typeUrl, subscribe, unsubscribe, initialVersions, nonce, error };
}

/** Like `decodePlainDelta`, for a `DiscoveryRequest`. */
export function decodePlainSotw(bytes: Buffer, decodeNode: DecodeNode): SotwRequest | undefined {
  const fields = readFields(bytes, sotwFields);
  if (fields === undefined) return undefined;
  const { typeUrl, names = noNames, version, nonce, error } = fields;
  return { kind: 'sotw', node: decodedNode(fields.node, decodeNode), typeUrl, names, version, nonce, error };
}

function readFields(bytes: Buffer, readers: FieldReaders): Fields | undefined {
  const reader = createWireReader(bytes);
  const fields: Fields = {
    node: undefined,
    typeUrl: '',
    names: undefined,
    unsubscribe: undefined,
    initialVersions: undefined,
    version: '',
    nonce: '',
    error: undefined,
  };
  while (!reader.done) {
    const tag = reader.varint();
    const read = readers[tag];
    if (read === undefined ? !passOver(reader, tag) : !read(reader, fields)) return undefined;
  }
  return reader.sound ? fields : undefined;
}

const noVersions: ReadonlyMap<string, string> = new Map();
const noNames: readonly string[] = [];

function decodedNode(bytes: Buffer | undefined, decodeNode: DecodeNode): XdsNode | undefined {
  return bytes === undefined ? undefined : decodeNode?.(bytes);
}

/** Reads the reason of a NACK. Returns `undefined` if it is not in the form that clients write. */
function readStatus(bytes: Buffer): ErrorDetail | undefined {
  const reader = createWireReader(bytes);
  let [code, message] = [0, ''];
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === statusTags.code) code = reader.varint();
    else if (tag === statusTags.message) message = reader.string();
    else return undefined;
  }
  return reader.sound ? { code, message } : undefined;
}

/** Skips an unknown field. Returns false for a known field, whose wire type is wrong, and for an unreadable one. */
function passOver(reader: WireReader, tag: number): boolean {
  if (tag < firstUnknownTag) return false;
  reader.skip(tag);
  return reader.sound;
}

function readEntry(bytes: Buffer, entries: Map<string, string>): boolean {
  const reader = createWireReader(bytes);
  let [key, value] = ['', ''];
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === entryTags.key) key = reader.string();
    else if (tag === entryTags.value) value = reader.string();
    else return false;
  }
  // The complete decoder makes an object of the entries, in which this key is special.
  if (!reader.sound || key === '__proto__') return false;
  entries.set(key, value);
  return true;
}

const known: ReadonlyMap<string, string> = new Map(Object.values(typeUrls).map((url) => [url, url]));

/** Returns one shared string per type URL, so that not every stream keeps its own copy. */
function knownType(typeUrl: string): string {
  return known.get(typeUrl) ?? typeUrl;
}
