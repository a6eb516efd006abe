import type { Refused } from './authorize.ts';
import { createWireReader } from '../wire/read.ts';

/** The tag of `Node.id`. */
const idTag = 10;

/**
 * Returns the node id in the bytes of a request if it differs from that of the stream; else `undefined`, also for a
 * request without a node or without a node id. Creates no object for the fields of the node: an Envoy's node has
 * hundreds, and may come with each request. Bytes that cannot be read are left to the decoder.
 */
export function findOtherNodeId(request: Buffer, nodeField: number, nodeId: string): string | undefined {
  const reader = createWireReader(request);
  while (!reader.done) {
    const tag = reader.varint();
    if (tag !== nodeField * 8 + 2) {
      reader.skip(tag);
      continue;
    }
    const other = otherIdIn(reader.bytes(), nodeId);
    if (other !== undefined) return other;
  }
  return undefined;
}

function otherIdIn(node: Buffer, nodeId: string): string | undefined {
  const reader = createWireReader(node);
  while (!reader.done) {
    const tag = reader.varint();
    if (tag !== idTag) {
      reader.skip(tag);
      continue;
    }
    const id = reader.string();
    if (id !== '' && id !== nodeId) return id;
  }
  return undefined;
}

/** Maximum length of a quoted node id, in characters: a status is a header, which clients limit. */
const quotedLength = 256;

/** Returns the refusal of a request whose node is not that of the stream. */
export function refuseOtherNode(first: string, other: string): Refused {
  const message = `node id ${quoted(other)} differs from ${quoted(first)}, the node id of the first request: open a stream for each node`;
  return { kind: 'refused', code: 'PERMISSION_DENIED', reason: 'node', message };
}

function quoted(text: string): string {
  return JSON.stringify(text.length > quotedLength ? `${text.slice(0, quotedLength)}…` : text);
}
