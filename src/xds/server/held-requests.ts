import { memoryOfRequest } from '../core/held-bytes.ts';
import { anonymousNode } from '../core/request.ts';
import type { XdsNode, XdsRequest } from '../core/request.ts';
import { chunkOverhead } from './own-bytes.ts';

/** The requests of a stream that wait until `authorize` has decided about the client. */
export class HeldRequests<Request extends XdsRequest> {
  readonly first: Request;
  /** Time of the first request, in ms. */
  readonly since: number;
  readonly others: Buffer[] = [];
  /** Memory of all requests. */
  bytes: number;
  /** True if the client has ended its side of the stream. */
  isHalfClosed = false;

  constructor(first: Request, since: number) {
    this.first = first;
    this.since = since;
    this.bytes = memoryOfRequest(first);
  }

  get node(): XdsNode {
    return this.first.node ?? anonymousNode;
  }

  /**
   * Copies the message, whose bytes are valid only during the call. Returns the number of messages that wait. An empty
   * message has memory as well, and a client may send 50,000 in the window of a stream.
   */
  add(bytes: Buffer): number {
    this.bytes += bytes.length + chunkOverhead;
    return this.others.push(Buffer.from(bytes));
  }
}
