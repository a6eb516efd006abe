import { wildcard } from './wildcard.ts';

/** What a SotW request changes in the subscription of its type. */
export interface SotwNamesChange {
  /** Sorted. */
  readonly added: readonly string[];
  readonly dropped: readonly string[];
  readonly wildcard: 'on' | 'off' | 'kept';
}

/** The names a SotW client wants, as its requests say them in full each time. */
export interface SotwNames {
  update(names: readonly string[]): SotwNamesChange;
}

/**
 * Reads the names of SotW requests. No names at all mean everything, but only until the client first names
 * something; from then on they mean nothing.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#how-the-client-specifies-what-resources-to-return
 */
export function createSotwNames(): SotwNames {
  let current: ReadonlySet<string> = new Set();
  let all = false;
  let everNamed = false;
  return {
    update(names) {
      everNamed ||= names.length > 0;
      const wanted = new Set(names);
      const wantsAll = wanted.delete(wildcard) || !everNamed;
      const change: SotwNamesChange = {
        added: [...wanted.difference(current)].sort(),
        dropped: [...current.difference(wanted)],
        wildcard: wantsAll === all ? 'kept' : wantsAll ? 'on' : 'off',
      };
      current = wanted;
      all = wantsAll;
      return change;
    },
  };
}

/** True for a request that repeats the subscription as it was. */
export function isRepeat({ added, dropped, wildcard: all }: SotwNamesChange): boolean {
  return added.length === 0 && dropped.length === 0 && all === 'kept';
}
