import { SmallMap } from '../small/small-map.ts';
import type { ResponseContent } from './encode.ts';
import { memoryOfContent, memoryOfName } from './held-bytes.ts';
import type { ResourceSet } from './resource.ts';

/**
 * The contents of the responses of one type on one stream without an ACK or NACK, by nonce, the oldest first. Not the
 * frames: the encoded messages of a client that answers nothing would stay in memory.
 */
// A subclass, because each stream has one: an object beside the map would cost a cache miss at each push.
export class UnansweredResponses extends SmallMap<string, ResponseContent> {
  /** The memory of the responses, in bytes. Takes time for each: pushes and ACKs do not need it. */
  get bytes(): number {
    let sum = 0;
    for (const content of this.values()) sum += memoryOfContent(content);
    return sum;
  }

  /** The memory of the names that the set does not list, in bytes: all others are shared. Takes time for each. */
  unlistedBytes(set: ResourceSet | undefined): number {
    let sum = 0;
    for (const { resources } of this.values()) {
      for (const { name } of resources)
        if (set?.resources.has(name) !== true) sum += memoryOfName(name, undefined, set);
    }
    return sum;
  }

  /** Removes the responses before the one with this nonce, which must be one of them. Returns their nonces as well. */
  takeBefore(nonce: string): readonly (readonly [string, ResponseContent])[] {
    // The usual answer, to the only response.
    if (this.onlyKey !== undefined) return none;
    const taken: (readonly [string, ResponseContent])[] = [];
    for (const entry of this.entries()) {
      if (entry[0] === nonce) break;
      taken.push(entry);
    }
    for (const [earlier] of taken) this.delete(earlier);
    return taken;
  }

  /** Removes the oldest responses above a number. */
  limitTo(most: number): void {
    if (this.size <= most) return;
    for (const nonce of this.keys()) {
      this.delete(nonce);
      if (this.size <= most) return;
    }
  }
}

const none = [] as const;
