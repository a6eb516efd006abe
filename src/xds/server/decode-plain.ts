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

/**
 * Decodes a `DeltaDiscoveryRequest` in the form that clients write. Returns `undefined` for everything else,
 * whether invalid or only rare: a duplicate field, details of an error, a truncated message. The complete decoder
 * then decides.
 * @throws the errors of `decodeNode`.
 */
export function decodePlainDelta(bytes: Buffer, decodeNode: DecodeNode): DeltaRequest | undefined {
  const reader = createWireReader(bytes);
  const [subscribe, unsubscribe]: [string[], string[]] = [[], []];
  let [typeUrl, nonce] = ['', ''];
  let node: Buffer | undefined;
  let initialVersions: Map<string, string> | undefined;
  let error: ErrorDetail | undefined;
  while (!reader.done) {
    const tag = reader.varint();
    switch (tag) {
      case deltaTags.node:
        if (node !== undefined) return undefined;
        node = reader.bytes();
        break;
      case deltaTags.typeUrl:
        typeUrl = knownType(reader.string());
        break;
      case deltaTags.subscribe:
        subscribe.push(reader.string());
        break;
      case deltaTags.unsubscribe:
        unsubscribe.push(reader.string());
        break;
      case deltaTags.initialVersions:
        initialVersions ??= new Map();
        if (!readEntry(reader.bytes(), initialVersions)) return undefined;
        break;
      case deltaTags.nonce:
        nonce = reader.string();
        break;
      case deltaTags.error:
        if (error !== undefined) return undefined;
        error = readStatus(reader.bytes());
        if (error === undefined) return undefined;
        break;
      default:
        if (!passOver(reader, tag)) return undefined;
    }
  }
  if (!reader.sound) return undefined;
  return {
    kind: 'delta',
    node: decodedNode(node, decodeNode),
    typeUrl,
    subscribe,
    unsubscribe,
    initialVersions: initialVersions ?? noVersions,
    nonce,
    error,
  };
}

/** Like `decodePlainDelta`, for a `DiscoveryRequest`. */
export function decodePlainSotw(bytes: Buffer, decodeNode: DecodeNode): SotwRequest | undefined {
  const reader = createWireReader(bytes);
  const names: string[] = [];
  let [version, typeUrl, nonce] = ['', '', ''];
  let node: Buffer | undefined;
  let error: ErrorDetail | undefined;
  while (!reader.done) {
    const tag = reader.varint();
    switch (tag) {
      case sotwTags.version:
        version = reader.string();
        break;
      case sotwTags.node:
        if (node !== undefined) return undefined;
        node = reader.bytes();
        break;
      case sotwTags.names:
        names.push(reader.string());
        break;
      case sotwTags.typeUrl:
        typeUrl = knownType(reader.string());
        break;
      case sotwTags.nonce:
        nonce = reader.string();
        break;
      case sotwTags.error:
        if (error !== undefined) return undefined;
        error = readStatus(reader.bytes());
        if (error === undefined) return undefined;
        break;
      default:
        if (!passOver(reader, tag)) return undefined;
    }
  }
  if (!reader.sound) return undefined;
  return {
    kind: 'sotw',
    node: decodedNode(node, decodeNode),
    typeUrl,
    names,
    version,
    nonce,
    error,
  };
}

const noVersions: ReadonlyMap<string, string> = new Map();

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
