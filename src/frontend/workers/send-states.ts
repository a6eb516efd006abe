import type { ServedMeshes } from '../../trust/snapshot/publisher.ts';
import { send } from './member.ts';
import type { Member } from './member.ts';
import { shareStates } from './share-states.ts';

/** Sends each worker the difference from the state that it was sent before, one difference at a time. */
export interface StateSender {
  /** `since`: when the first cause of the change arrived, in epoch milliseconds. */
  publish(states: ServedMeshes, since: number): void;
  /** Returns the state that was published last; empty before the first. */
  latest(): ServedMeshes;
  /** Sends a worker that listens the latest state, if there is one. */
  begin(member: Member): void;
  /** The worker has applied the state that it was sent. */
  applied(member: Member): void;
}

/** Creates a sender to the workers in `members`. */
export function createStateSender(members: ReadonlySet<Member>): StateSender {
  let latest: { readonly states: ServedMeshes; readonly since: number } | undefined;

  function bringUpToDate(member: Member): void {
    if (latest === undefined || member.busy) return;
    // Changes that came while it was busy are one for it. Its time counts from the first of them.
    const since = member.owedSince ?? latest.since;
    member.owedSince = undefined;
    if (member.sent === latest.states) return;
    const deltas = shareStates(member.sent, latest.states);
    member.sent = latest.states;
    member.busy = true;
    member.applying.begin();
    send(member, { kind: 'states', deltas, since });
  }

  return {
    publish(states, since) {
      latest = { states, since };
      for (const member of members) {
        member.owedSince = Math.min(member.owedSince ?? since, since);
        bringUpToDate(member);
      }
    },
    latest: () => latest?.states ?? new Map(),
    begin: bringUpToDate,
    applied(member) {
      member.busy = false;
      member.applying.end();
      bringUpToDate(member);
    },
  };
}
