import type { StreamEnd } from '../xds/index.ts';
import type { Ending } from './records.ts';

/** How the end of a stream is recorded. */
export const endings = { client: 'closed', silence: 'silence', server: 'server' } as const satisfies Record<
  StreamEnd['by'],
  Ending
>;

/** Returns the ending with the most uncertainty: a proxy counts as closed only if it closed all its streams. */
export function worstOf(ended: readonly { readonly ending: Ending }[]): Ending {
  if (ended.some(({ ending }) => ending === 'silence')) return 'silence';
  return ended.some(({ ending }) => ending === 'server') ? 'server' : 'closed';
}
