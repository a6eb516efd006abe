import type { XdsPeer } from '../core/peer.ts';
import { anonymousNode } from '../core/request.ts';
import type { XdsNode, XdsRequest } from '../core/request.ts';
import { decide } from './authorize.ts';
import type { Allowed, Authorize, Outcome, Refused } from './authorize.ts';
import { findOtherNodeId, refuseOtherNode } from './later-node.ts';
import { memoryOfRequest } from '../core/held-bytes.ts';
import { spread } from '../timers/timers.ts';
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
   * Copies the message, because its bytes are valid only during the call. Returns the number of messages that wait. An
   * empty message takes memory, too: a client can send 50,000 of them within the window of a stream.
   */
  add(bytes: Buffer): number {
    this.bytes += bytes.length + chunkOverhead;
    return this.others.push(Buffer.from(bytes));
  }
}

/** Receives the decisions about the client of a stream. */
export interface AccessOwner<Request extends XdsRequest> {
  /** The first decision. `held` has the first request and those that arrived before the decision. */
  decided(held: HeldRequests<Request>, outcome: Outcome): void;
  /** The client is refused, so the stream must end. `isJudgedAgain`: it was allowed at first. */
  deny(nodeId: string, refused: Refused, isJudgedAgain?: boolean): void;
  /** The stream must end because the client needs a new one. */
  outdated(message: string): void;
}

export interface AccessSettings {
  readonly authorize: Authorize;
  /** Field number of the node in the requests. */
  readonly nodeField: number;
  /** Age at which the client of a stream is judged again, in ms; 0 for never. */
  readonly maxStreamAgeMs: number;
}

/** A client that was allowed, with the group and the identity of its stream. */
interface Judged {
  readonly node: XdsNode;
  readonly group: string | undefined;
  readonly identity: string | undefined;
}

/** Asks `authorize` about the client of a stream: at the first request, and again at the age of the stream. */
export class StreamAccess<Request extends XdsRequest> {
  readonly #settings: AccessSettings;
  readonly #peer: XdsPeer;
  readonly #owner: AccessOwner<Request>;
  #held: HeldRequests<Request> | undefined;
  /** Set after the first decision, if the client is to be judged again. */
  #judged: Judged | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #isOver = false;

  constructor(settings: AccessSettings, peer: XdsPeer, owner: AccessOwner<Request>) {
    this.#settings = settings;
    this.#peer = peer;
    this.#owner = owner;
  }

  /** The requests that wait for the first decision. */
  get held(): HeldRequests<Request> | undefined {
    return this.#held;
  }

  /** Asks about the client of the first request. The request has no effect before the decision. */
  begin(request: Request, now: number): void {
    const held = (this.#held = new HeldRequests(request, now));
    decide(this.#settings.authorize, this.#peer, held.node, (outcome) => {
      if (this.#isOver) return;
      this.#held = undefined;
      if (outcome.kind === 'allowed') this.#allowed(held.first.node ?? anonymousNode, outcome, now);
      this.#owner.decided(held, outcome);
    });
  }

  /** Denies a later request if it names another node than the first one. Returns true if it did. */
  deniesNode(request: Buffer, nodeId: string): boolean {
    const other = findOtherNodeId(request, this.#settings.nodeField, nodeId);
    if (other === undefined) return false;
    this.#owner.deny(other, refuseOtherNode(nodeId, other));
    return true;
  }

  /**
   * Asks about the client again if the stream has reached its age. The stream stays open until a refusal arrives: if
   * the API server cannot be reached, proxies must not be disconnected.
   */
  judgeAgain(now: number): void {
    if (now < this.#dueAt || this.#judged === undefined) return;
    const { node, group, identity } = this.#judged;
    this.#dueAt = now + spread(this.#settings.maxStreamAgeMs);
    decide(this.#settings.authorize, this.#peer, node, (outcome) => {
      if (this.#isOver || outcome.kind === 'failed') return;
      if (outcome.kind === 'refused') {
        if (outcome.code !== 'UNAVAILABLE') this.#owner.deny(node.id, outcome, true);
      } else if (outcome.identity !== identity || outcome.group !== group) {
        // A stream has one identity and one group. The client gets the new ones with a new stream.
        this.#owner.outdated('the identity or the group of the client has changed: open a new stream');
      }
    });
  }

  /** Forgets the requests. Decisions have no effect from now on. */
  end(): void {
    this.#isOver = true;
    this.#held = undefined;
    this.#judged = undefined;
  }

  #allowed(node: XdsNode, { group, identity }: Allowed, now: number): void {
    if (this.#settings.maxStreamAgeMs === 0) return;
    this.#judged = { node, group, identity };
    this.#dueAt = now + spread(this.#settings.maxStreamAgeMs);
  }
}
