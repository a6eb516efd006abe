import type { Finding } from '../trust/findings/finding.ts';
import { findingKey } from './finding-changes.ts';
import type { StateEvent } from './state-view.ts';

/** When each current finding appeared. */
export interface FindingTimes {
  state(event: StateEvent): void;
  /** Returns the epoch milliseconds since when a finding is reported; `undefined` for one that is not current. */
  since(finding: Finding): number | undefined;
}

/** Creates a record without findings. It lives as long as the process: after a restart every finding is new. */
export function createFindingTimes(wall: () => number): FindingTimes {
  const times = new Map<string, number>();
  return {
    state(event) {
      if (event.kind !== 'findings') return;
      for (const finding of event.resolved) times.delete(findingKey(finding));
      const now = wall();
      for (const finding of event.appeared) times.set(findingKey(finding), now);
    },
    since: (finding) => times.get(findingKey(finding)),
  };
}
