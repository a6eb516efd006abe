import type { ServedMeshes } from '../../trust/snapshot/publisher.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import { countAcks } from '../../fleet/rollout.ts';
import type { AckCount } from '../../fleet/rollout.ts';
import type { WorkerCount } from './messages.ts';

/** The last counts of each worker, by mesh. */
type CountsOfWorkers = Iterable<ReadonlyMap<string, WorkerCount>>;

/** The number of proxies of all workers. */
export interface JointCounts {
  /** Must be called when a worker reports new counts, or dies. */
  changed(): void;
  /** Returns the last counts of proxies by mesh. */
  of(states: ServedMeshes): ReadonlyMap<string, AckCount>;
  close(): void;
}

/** The interval at which lost proxies are compared by name, in milliseconds. */
const lookMs = 1_000;

export interface JointCountsOptions {
  readonly counts: () => CountsOfWorkers;
  readonly fleet: Fleet;
  /** Returns whether there are proxies of workers that died. */
  readonly hasOrphans: () => boolean;
  /** Returns the number of these proxies for which a roll-out of the mesh may have to wait. */
  readonly orphans: (mesh: string) => number;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * Creates the sum of the counts of workers. A proxy that one worker lost may be connected to another, which the counts
 * do not show. So while any proxy is lost, the proxies of all workers are compared by name.
 */
export function createJointCounts({
  counts,
  fleet,
  hasOrphans,
  orphans,
  now,
}: JointCountsOptions): JointCounts {
  /** The number of lost proxies by mesh, from the last comparison by name. */
  let named: ReadonlyMap<string, number> = new Map();
  /** The number of changes of the counts, and of those that the comparison has seen. */
  let changes = 0;
  let compared = 0;
  let timer: NodeJS.Timeout | undefined;
  let isLooking = false;
  let closed = false;

  const isNeeded = (): boolean =>
    hasOrphans() || Iterator.from(counts()).some((proxies) => proxies.values().some(({ lost }) => lost > 0));

  async function look(): Promise<void> {
    timer = undefined;
    const before = changes;
    if (isNeeded()) {
      isLooking = true;
      // While a worker does not answer, or the comparison fails, the previous result stays.
      compared = (await compare().catch(() => false)) ? before : -1;
      isLooking = false;
      if (!closed) timer ??= setTimeout(() => void look(), lookMs).unref();
    } else [named, compared] = [new Map(), before];
  }

  /** Compares the proxies of all workers by name. Returns whether all workers answered. */
  async function compare(): Promise<boolean> {
    const seen = await fleet.look();
    const acks = countAcks(seen, fleet.history, now());
    if (seen.complete) named = new Map(acks.entries().map(([mesh, { lost }]) => [mesh, lost]));
    return seen.complete;
  }

  return {
    changed() {
      changes += 1;
      if (!isLooking && timer === undefined && !closed) void look();
    },
    of: (states) =>
      new Map(
        [...states].map(([mesh, { secrets }]) => {
          const { connected, acked, lost } = sumOf(counts(), mesh, secrets.version);
          const byName = named.get(mesh) ?? 0;
          // Counts that were not compared yet may contain proxies that were lost since.
          if (compared === changes) return [mesh, { connected, acked, lost: byName }];
          return [mesh, { connected, acked, lost: Math.max(lost + orphans(mesh), byName) }];
        }),
      ),
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** Adds the counts of a mesh. Acknowledgements count only from workers that already serve this version. */
function sumOf(counts: CountsOfWorkers, mesh: string, version: string): AckCount {
  let [connected, acked, lost] = [0, 0, 0];
  for (const proxies of counts) {
    const count = proxies.get(mesh);
    connected += count?.connected ?? 0;
    acked += count?.version === version ? count.acked : 0;
    lost += count?.lost ?? 0;
  }
  return { connected, acked, lost };
}
