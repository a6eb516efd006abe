import { FieldScan } from './scan-fields.ts';

/** Why a stream of an access log is ended, or not begun. The metric `meshtrust_access_log_refusals_total` has these. */
export const logRefusals = ['too-many', 'malformed', 'too-long', 'no-identifier', 'denied'] as const;

export type LogRefusal = (typeof logRefusals)[number];

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
/** A longer name of a tag is not the name of the issuer. */
const longestTagName = 128;
const fingerprintLength = 64;
/** The metadata field with the mesh, as for xDS. */
const meshKey = 'mesh';

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
 * Reads a message of Envoy's access log service. The issuer of an entry is the first custom tag whose name contains
 * `issuer` and whose value is a fingerprint. Returns `undefined` if the bytes are no such message, or have too many
 * entries.
 */
export function readLogMessage(bytes: Buffer): LogMessage | undefined {
  const scan = new FieldScan(bytes);
  const counts: Counts = { entries: 0, without: 0, issuers: new Map() };
  let node: LogNode | undefined;
  while (scan.next(bytes.length)) {
    const { tag, from, to } = scan;
    if (tag === messageTags.identifier) {
      scan.at = from;
      node = readIdentifier(scan, to);
    } else if (tag === messageTags.http || tag === messageTags.tcp) {
      scan.at = from;
      readEntries(scan, to, counts);
    } else continue;
    scan.at = to;
  }
  const { without, issuers } = counts;
  return scan.isSound ? { node, without, issuers } : undefined;
}

interface Counts {
  entries: number;
  without: number;
  readonly issuers: Map<string, number>;
}

function readEntries(scan: FieldScan, end: number, counts: Counts): void {
  while (scan.next(end)) {
    if (scan.tag !== entriesTags.entry) continue;
    const { from, to } = scan;
    counts.entries += 1;
    if (counts.entries > mostEntries) scan.isSound = false;
    scan.at = from;
    const issuer = readIssuer(scan, to);
    scan.at = to;
    if (issuer === undefined) counts.without += 1;
    else counts.issuers.set(issuer, (counts.issuers.get(issuer) ?? 0) + 1);
  }
}

/** Returns the fingerprint of the issuer in an entry, if it has one. */
function readIssuer(scan: FieldScan, end: number): string | undefined {
  let issuer: string | undefined;
  while (scan.next(end)) {
    if (scan.tag !== entryTags.common) continue;
    const { from, to } = scan;
    scan.at = from;
    issuer = readTags(scan, to) ?? issuer;
    scan.at = to;
  }
  return issuer;
}

function readTags(scan: FieldScan, end: number): string | undefined {
  let issuer: string | undefined;
  while (scan.next(end)) {
    if (scan.tag !== commonTags.customTag || issuer !== undefined) continue;
    const { from, to } = scan;
    scan.at = from;
    issuer = readTag(scan, to);
    scan.at = to;
  }
  return issuer;
}

/**
 * Returns the value of a tag, if it is the fingerprint of an issuer. Nearly all tags are known not to be by their
 * length.
 */
function readTag(scan: FieldScan, end: number): string | undefined {
  let [nameFrom, nameTo, valueFrom, valueTo] = [0, 0, 0, 0];
  while (scan.next(end)) {
    if (scan.tag === pairTags.key) [nameFrom, nameTo] = [scan.from, scan.to];
    else if (scan.tag === pairTags.value) [valueFrom, valueTo] = [scan.from, scan.to];
  }
  if (valueTo - valueFrom !== fingerprintLength || nameTo - nameFrom > longestTagName) return undefined;
  const value = scan.bytes.toString('latin1', valueFrom, valueTo);
  if (!/^[0-9a-f]{64}$/.test(value)) return undefined;
  return /issuer/i.test(scan.bytes.toString('latin1', nameFrom, nameTo)) ? value : undefined;
}

function readIdentifier(scan: FieldScan, end: number): LogNode {
  const node: { id: string; mesh: string | undefined } = { id: '', mesh: undefined };
  while (scan.next(end)) {
    if (scan.tag !== identifierTags.node) continue;
    const { from, to } = scan;
    scan.at = from;
    readNode(scan, to, node);
    scan.at = to;
  }
  return node;
}

function readNode(scan: FieldScan, end: number, node: { id: string; mesh: string | undefined }): void {
  while (scan.next(end)) {
    if (scan.tag === nodeTags.id) node.id = scan.text('utf8');
    if (scan.tag !== nodeTags.metadata) continue;
    const { from, to } = scan;
    scan.at = from;
    while (scan.next(to)) {
      if (scan.tag !== structTags.entry) continue;
      const entry = { from: scan.from, to: scan.to };
      scan.at = entry.from;
      readMetadata(scan, entry.to, node);
      scan.at = entry.to;
    }
    scan.at = to;
  }
}

/** Reads a metadata field of the node: sets the mesh if the field is it. */
function readMetadata(scan: FieldScan, end: number, node: { mesh: string | undefined }): void {
  let isMesh = false;
  let value: string | undefined;
  while (scan.next(end)) {
    if (scan.tag === pairTags.key)
      isMesh = scan.to - scan.from === meshKey.length && scan.text('latin1') === meshKey;
    if (scan.tag !== pairTags.value) continue;
    const { from, to } = scan;
    value = undefined;
    scan.at = from;
    while (scan.next(to)) value = scan.tag === valueTags.string ? scan.text('utf8') : undefined;
    scan.at = to;
  }
  if (isMesh) node.mesh = value;
}
