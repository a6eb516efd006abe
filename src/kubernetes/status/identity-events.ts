import type { ObjectHead } from '../client/api-object.ts';
import type { HeadChange } from '../client/watch-types.ts';
import { changeOfFinding, identityResolved } from './core/render-events.ts';
import type { IdentityFinding } from './core/render-events.ts';
import { createEventQueue } from './event-queue.ts';
import type { EventQueueOptions } from './event-queue.ts';

export interface IdentityEventsOptions extends Omit<EventQueueOptions, 'kind'> {
  /** Returns the findings by the path of their object; `undefined` before the server is ready. */
  readonly findingsByPath: () => ReadonlyMap<string, readonly IdentityFinding[]> | undefined;
}

/** Sends Events about the findings of MeshIdentities, once for each change. */
export interface IdentityEvents {
  heads(change: HeadChange): void;
  /** Compares the findings of all objects with those that were reported. */
  changed(): void;
  close(): Promise<void>;
}

export function createIdentityEvents(options: IdentityEventsOptions): IdentityEvents {
  const { isLeading, findingsByPath } = options;
  const queue = createEventQueue({ ...options, kind: 'MeshIdentity' });
  const heads = new Map<string, ObjectHead>();
  /** The findings that were reported, as JSON, by path. */
  const reported = new Map<string, ReadonlySet<string>>();

  const compare = (head: ObjectHead, findings: readonly IdentityFinding[]): void => {
    const before = reported.get(head.path) ?? new Set<string>();
    const changes = findings.map(changeOfFinding);
    const now = new Set(changes.map((change) => JSON.stringify(change)));
    reported.set(head.path, now);
    for (const change of changes)
      if (!before.has(JSON.stringify(change)))
        queue.put(`${head.path} ${change.reason} ${change.note}`, { head, change, attempt: 1 });
    if (before.size > 0 && now.size === 0)
      queue.put(`${head.path} ${identityResolved.reason}`, { head, change: identityResolved, attempt: 1 });
  };

  return {
    heads({ put, gone }) {
      for (const head of put) heads.set(head.path, head);
      for (const path of gone) {
        heads.delete(path);
        reported.delete(path);
      }
    },
    changed() {
      // A new leader sends the Events of the current findings again: those that exist are not made twice.
      if (!isLeading()) {
        reported.clear();
        queue.clear();
        return;
      }
      const findings = heads.size === 0 ? undefined : findingsByPath();
      if (findings === undefined) return;
      for (const head of heads.values()) compare(head, findings.get(head.path) ?? []);
    },
    close: () => queue.close(),
  };
}
