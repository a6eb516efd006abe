import { hash } from 'node:crypto';
import type { SourceEvent } from '../../trust/source.ts';

/** One resource of the REST API. */
export interface ListedResource {
  readonly path: string;
  /** The fields that affect trust, as one line of JSON. */
  readonly text: string;
}

/** The result of one poll. */
export type PollInput =
  /** All pages of a list. */
  | { readonly kind: 'listed'; readonly resources: readonly ListedResource[] }
  | { readonly kind: 'failed'; readonly reason: string };

/** The state of the source between two polls. */
export interface PollState {
  /** The hash of each resource's text that was reported last, by path. */
  readonly known: ReadonlyMap<string, string>;
  /** The resources that the last list did not have. */
  readonly missing: ReadonlySet<string>;
  /** Whether a list succeeded. */
  readonly hasListed: boolean;
  /** Whether two lists succeeded. */
  readonly synced: boolean;
  /** The reason of the failure that was reported last, until a list succeeds. */
  readonly reportedFailure: string | undefined;
}

export const initialPollState: PollState = {
  known: new Map(),
  missing: new Set(),
  hasListed: false,
  synced: false,
  reportedFailure: undefined,
};

/**
 * Returns the next state and the events of a poll. A resource is gone only if two lists in a row do not have it, and so
 * is one that only an earlier run had: the source is synced once two lists were read. The pages of a list are not of
 * one state, and a server that is starting may have none of its resources yet.
 */
export function stepPoll(
  state: PollState,
  input: PollInput,
  place: string,
): { readonly state: PollState; readonly events: readonly SourceEvent[] } {
  if (input.kind === 'failed') {
    const { reason } = input;
    const isKnown = reason === state.reportedFailure;
    return {
      state: { ...state, reportedFailure: reason },
      events: isKnown ? [] : [{ kind: 'failed', path: place, reason }],
    };
  }
  const known = new Map(state.known);
  const events: SourceEvent[] = [];
  const listed = new Set<string>();
  for (const { path, text } of input.resources) {
    listed.add(path);
    const digest = hash('sha256', text);
    if (known.get(path) !== digest) events.push({ kind: 'content', path, text, settled: true });
    known.set(path, digest);
  }
  const missing = new Set<string>();
  for (const path of known.keys()) {
    if (listed.has(path)) continue;
    if (state.missing.has(path)) {
      known.delete(path);
      events.push({ kind: 'gone', path, evidence: 'absence' });
    } else missing.add(path);
  }
  if (state.reportedFailure !== undefined) events.push({ kind: 'recovered', path: place });
  const { hasListed: synced } = state;
  if (synced && !state.synced) events.push({ kind: 'synced' });
  return { state: { known, missing, hasListed: true, synced, reportedFailure: undefined }, events };
}
