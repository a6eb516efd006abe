import { createWireReader } from '../xds/wire/read.ts';

/** The node that sends its log: what it says about itself. */
interface LogNode {
  readonly id: string;
  /** The value of `mesh` in its metadata, if it is a string. */
  readonly mesh: string | undefined;
}

/** What is needed of a `StreamAccessLogsMessage`. */
export interface LogMessage {
  /** `undefined` in all messages of a stream but the first. */
  readonly node: LogNode | undefined;
  /** Entries without the fingerprint of an issuer: clients without a certificate, or another configuration. */
  readonly without: number;
  /** The number of entries by the fingerprint of the issuer. */
  readonly issuers: ReadonlyMap<string, number>;
}

/** The most entries of one message. Envoy sends 16 KiB at once by default, and an entry has 100 bytes at least. */
const mostEntries = 8_192;
/** The most metadata fields of a node that are looked at. */
const mostFields = 4_096;
/** A longer name of a tag is not the name of the issuer. */
const longestTagName = 128;
const fingerprintLength = 64;
const malformed = Symbol('malformed');

// Tags: eight times the field number, plus 2 for a value with a length. Field numbers are those of `proto/`.
const messageTags = { identifier: 10, http: 18, tcp: 26 };
const identifierTags = { node: 10 };
const nodeTags = { id: 10, metadata: 26 };
const structTags = { entry: 10 };
const pairTags = { key: 10, value: 18 };
const valueTags = { string: 26 };
const entriesTags = { entry: 10 };
const entryTags = { common: 10 };
const commonTags = { customTag: 178 };

/**
 * Reads a message of Envoy's access log service, without an object for each entry or field. The issuer of an entry is
 * the first custom tag whose name contains `issuer` and whose value is a fingerprint. Returns `undefined` if the bytes
 * are no such message, or have too many entries.
 */
export function readLogMessage(bytes: Buffer): LogMessage | undefined {
  const issuers = new Map<string, number>();
  let node: LogNode | undefined;
  let entries = 0;
  let without = 0;

  function readEntries(batch: Buffer): boolean {
    return eachField(batch, (tag, entry) => {
      if (tag !== entriesTags.entry) return true;
      entries += 1;
      if (entries > mostEntries) return false;
      const issuer = readIssuer(entry);
      if (issuer === malformed) return false;
      if (issuer === undefined) without += 1;
      else issuers.set(issuer, (issuers.get(issuer) ?? 0) + 1);
      return true;
    });
  }

  const isSound = eachField(bytes, (tag, value) => {
    if (tag === messageTags.identifier) return (node = readIdentifier(value)) !== undefined;
    return tag === messageTags.http || tag === messageTags.tcp ? readEntries(value) : true;
  });
  return isSound ? { node, without, issuers } : undefined;
}

/** Returns the fingerprint of the issuer in an entry, if it has one. `malformed` if it is no entry. */
function readIssuer(entry: Buffer): string | undefined | typeof malformed {
  let issuer: string | undefined;
  const isSound = eachField(entry, (tag, common) => {
    if (tag !== entryTags.common) return true;
    return eachField(common, (field, pair) => {
      if (field !== commonTags.customTag || issuer !== undefined) return true;
      let [name, value] = ['', ''];
      const isPair = eachField(pair, (part, text) => {
        if (part === pairTags.key && text.length <= longestTagName) name = text.toString('utf8');
        else if (part === pairTags.value && text.length === fingerprintLength)
          value = text.toString('latin1');
        return true;
      });
      if (/issuer/i.test(name) && /^[0-9a-f]{64}$/.test(value)) issuer = value;
      return isPair;
    });
  });
  return isSound ? issuer : malformed;
}

function readIdentifier(bytes: Buffer): LogNode | undefined {
  let node: LogNode | undefined = { id: '', mesh: undefined };
  const isSound = eachField(bytes, (tag, value) => {
    if (tag !== identifierTags.node) return true;
    node = readNode(value);
    return node !== undefined;
  });
  return isSound ? node : undefined;
}

function readNode(bytes: Buffer): LogNode | undefined {
  let id = '';
  let mesh: string | undefined;
  let fields = 0;
  const isSound = eachField(bytes, (tag, value) => {
    if (tag === nodeTags.id) id = value.toString('utf8');
    if (tag !== nodeTags.metadata) return true;
    return eachField(value, (field, pair) => {
      if (field !== structTags.entry) return true;
      fields += 1;
      if (fields > mostFields) return false;
      let name = '';
      let text: string | undefined;
      const isPair = eachField(pair, (part, content) => {
        if (part === pairTags.key) name = content.length <= longestTagName ? content.toString('utf8') : '';
        if (part !== pairTags.value) return true;
        text = undefined;
        return eachField(content, (kind, string) => {
          text = kind === valueTags.string ? string.toString('utf8') : undefined;
          return true;
        });
      });
      if (name === 'mesh') mesh = text;
      return isPair;
    });
  });
  return isSound ? { id, mesh } : undefined;
}

/**
 * Calls `visit` with the tag and the value of each field that has a length, and skips the others. Returns false if the
 * bytes are no message, or if `visit` returned false.
 */
function eachField(message: Buffer, visit: (tag: number, value: Buffer) => boolean): boolean {
  const reader = createWireReader(message);
  while (!reader.done) {
    const tag = reader.varint();
    if ((tag & 7) !== 2) reader.skip(tag);
    else {
      const value = reader.bytes();
      if (reader.sound && !visit(tag, value)) return false;
    }
  }
  return reader.sound;
}
