import type { GoneEvidence, SourceEvent } from './source.ts';

/** An event about a path. */
type PathEvent = Exclude<SourceEvent, { readonly kind: 'synced' }>;

/**
 * Returns events of one source that have the effect of the given ones, if they are applied in one step. At most five
 * events are left of each path before `synced`, and as many after it: the number does not grow with the number of
 * changes. A text that another one replaced counts as never read, as one does that a file had only between two reads.
 * All removals of a path have the weakest evidence among them: the mass-loss guard may hold an absence where it would
 * apply a deletion at once.
 *
 * No event passes `synced`, which withdraws what the events before it did not confirm.
 */
export function joinEvents(events: readonly SourceEvent[]): readonly SourceEvent[] {
  const before: PathEvent[] = [];
  const after: PathEvent[] = [];
  let synced: SourceEvent | undefined;
  for (const event of withWeakestEvidence(events)) {
    // The first one has withdrawn everything that was not confirmed.
    if (event.kind === 'synced') synced ??= event;
    else if (synced === undefined) before.push(event);
    else after.push(event);
  }
  return [...joinPaths(before), ...(synced === undefined ? [] : [synced]), ...joinPaths(after)];
}

/**
 * Makes each removal of a path an `absence` if one of them is. Only the first removal withdraws what is in force, but a
 * later one may be of a text between them, which is not applied. The guard would have held the loss of that text.
 */
function withWeakestEvidence(events: readonly SourceEvent[]): readonly SourceEvent[] {
  const absent = new Set(
    events.flatMap((event) => (event.kind === 'gone' && event.evidence === 'absence' ? event.path : [])),
  );
  const evidence: GoneEvidence = 'absence';
  return events.map((event) =>
    event.kind === 'gone' && absent.has(event.path) ? { ...event, evidence } : event,
  );
}

function joinPaths(events: readonly PathEvent[]): readonly PathEvent[] {
  const paths = new Map<string, readonly PathEvent[]>();
  for (const event of events) paths.set(event.path, append(paths.get(event.path) ?? [], event));
  return [...paths.values()].flat();
}

/** Adds an event to the events of its path, without those that have no effect any more. */
function append(earlier: readonly PathEvent[], event: PathEvent): readonly PathEvent[] {
  switch (event.kind) {
    case 'content':
      // A text that may be incomplete withdraws nothing, so the last complete one still has to be applied.
      return [
        ...earlier.filter((other) => !isSighting(other) || (isSettled(other) && !event.settled)),
        event,
      ];
    case 'unreadable':
      return [...earlier.filter(({ kind }) => kind !== 'unreadable' && kind !== 'kept'), event];
    case 'kept':
      return earlier.some(isSighting) ? earlier : [...earlier, event];
    case 'gone': {
      const rest = earlier.filter((other) => !isSighting(other));
      // The first removal withdraws what is in force.
      return rest.some(({ kind }) => kind === 'gone') ? rest : [...rest, event];
    }
    case 'failed':
    case 'recovered':
      return [...earlier.filter(({ kind }) => kind !== 'failed' && kind !== 'recovered'), event];
  }
}

/** Returns whether an event says that its path exists. */
function isSighting({ kind }: PathEvent): boolean {
  return kind === 'content' || kind === 'unreadable' || kind === 'kept';
}

function isSettled(event: PathEvent): boolean {
  return event.kind === 'content' && event.settled;
}
