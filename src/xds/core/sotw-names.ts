import type { SotwRequest } from './request.ts';
import { wildcard } from './wildcard.ts';

/** The changes that a SotW request makes to the subscription to its type. */
export interface SotwNamesChange {
  /** Sorted. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly wildcard: 'on' | 'off' | 'kept';
}

/** The subscription of a SotW client to one type. Each request repeats it in full. */
export interface SotwNames {
  update(names: readonly string[]): SotwNamesChange;
}

/**
 * Creates an empty subscription. A request without names subscribes to all resources if the client has never sent a
 * name (`*` is one). After the first name, a request without names subscribes to nothing.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#how-the-client-specifies-what-resources-to-return
 */
export function createSotwNames(): SotwNames {
  let current: ReadonlySet<string> = new Set();
  let all = false;
  let hasSentNames = false;
  return {
    update(names) {
      hasSentNames ||= names.length > 0;
      const wanted = new Set(names);
      const wantsAll = wanted.delete(wildcard) || !hasSentNames;
      const change: SotwNamesChange = {
        added: [...wanted.difference(current)].sort(),
        removed: [...current.difference(wanted)],
        wildcard: wantsAll === all ? 'kept' : wantsAll ? 'on' : 'off',
      };
      current = wanted;
      all = wantsAll;
      return change;
    },
  };
}

/** Returns true if a request did not change the subscription. */
export function isRepeat({ added, removed, wildcard: all }: SotwNamesChange): boolean {
  return added.length === 0 && removed.length === 0 && all === 'kept';
}

/**
 * Returns true if a request only repeats the error of an earlier NACK. A reply to it would be rejected again, and so on
 * without end. With other names, it is a request for them: a client may repeat its last error in each request.
 */
export function isRepeatedError({ error }: SotwRequest, change: SotwNamesChange): boolean {
  return error !== undefined && isRepeat(change);
}
