import { setTimeout as delay } from 'node:timers/promises';

import type { ApiClient } from '../client/api-client.ts';
import { callApi, refusalOf } from '../client/call-api.ts';
import { leasePath, mergePatch } from './api-paths.ts';
import {
  forgetReplicaMs,
  isAlive,
  readReports,
  reportKey,
  sumCounts,
  updateReports,
  writeReport,
} from './core/replica-counts.ts';
import type { LostProxy, MeshCounts, ReplicaReport, SeenReport } from './core/replica-counts.ts';
import type { ProxyCounts } from './core/status.ts';
import type { Outcomes } from './outcomes.ts';
import { timerMs } from '../../xds/timers/timers.ts';
import { asMapping } from '../../text/json.ts';

export interface ShareCountsOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  /** Name of the Lease that all replicas annotate. */
  readonly name: string;
  /** Identity of this replica. */
  readonly identity: string;
  /** Returns the current proxy counts of this replica. */
  readonly local: () => MeshCounts;
  /** Proxies that moved from one replica to another. */
  readonly moved: MovedProxies;
  readonly outcomes: Outcomes;
  /** Time between two reports of this replica, in milliseconds. Default: 5,000. */
  readonly everyMs?: number | undefined;
  /** Monotonic milliseconds. */
  readonly now?: (() => number) | undefined;
}

/** The proxies that lost their connection to this replica or to other replicas. Never throws. */
export interface MovedProxies {
  /** Returns the proxies that this replica lost, the last one first. */
  readonly lost: () => Promise<readonly LostProxy[]>;
  /** Returns those of the given proxies that are connected to this replica. */
  readonly connected: (proxies: readonly LostProxy[]) => Promise<readonly LostProxy[]>;
  /** Called with lost proxies that are connected to another replica now. */
  readonly release: (proxies: readonly LostProxy[]) => void;
}

/** The proxy counts of all replicas. */
export interface SharedCounts {
  readonly countsOf: (mesh: string, version: string) => ProxyCounts;
  /** Another state is served. From now on, `countsOf` is complete only with reports that were requested later. */
  served(): void;
  /** Returns the last reports of the other replicas that still run. */
  readonly others: () => readonly ReplicaReport[];
  /** Removes the report of this replica, and ends. Waits at most two seconds for the API server. */
  close(): Promise<void>;
}

/** Maximum time for removing the report, in milliseconds. */
const closeMs = 2_000;
/** Delay of the report after a change, in milliseconds. Most proxies have acknowledged the change by then. */
const afterChangeMs = 100;
/** Age at which the report of a replica that ended without removing it is removed, in milliseconds. */
const removeMs = 600_000;

/**
 * Writes the proxy counts of this replica into an annotation of one Lease, every few seconds and once in between after
 * a change. The response contains the reports of all other replicas, so no other request is needed. Never throws.
 */
export function shareCounts(options: ShareCountsOptions): SharedCounts {
  const { client, namespace, name, identity, local, moved, outcomes } = options;
  const { everyMs = 5_000, now = () => performance.now() } = options;
  const closed = new AbortController();
  const key = reportKey(identity);
  const path = leasePath(namespace, name);
  let seen: ReadonlyMap<string, SeenReport> = new Map();
  /** Time at which the last reports of the other replicas were requested. */
  let requestedAt = -Infinity;
  let servedAt = -Infinity;
  /** Time of the last report that was sent early because of a change. */
  let reportedChangeAt = -Infinity;
  let early = Promise.withResolvers<void>();
  let beat = 0;

  const pause = async (milliseconds: number): Promise<void> =>
    // Closing ends the pause, too.
    delay(timerMs(milliseconds), undefined, { signal: closed.signal }).catch(() => undefined);

  const publish = async (): Promise<void> => {
    beat += 1;
    const startedAt = now();
    const [lost, here] = [await moved.lost(), await connectedHere(others())];
    const text = writeReport({ replica: identity, beat: String(beat), meshes: local(), lost, here });
    const dead = [...seen].filter(([, { since }]) => now() - since > removeMs).map(([other]) => other);
    const annotations = { ...Object.fromEntries(dead.map((other) => [other, null])), [key]: text };
    let reply = await callApi(client, mergePatch(path, { metadata: { annotations } }), closed.signal);
    if (reply.kind === 'answered' && reply.status === 404) {
      const head = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
      const body = { ...head, metadata: { name, annotations: { [key]: text } }, spec: {} };
      reply = await callApi(client, { method: 'POST', path: leasePath(namespace), body }, closed.signal);
    }
    if (closed.signal.aborted) return;
    // 409: another replica has created the Lease meanwhile. The next report succeeds.
    const isWell = reply.kind === 'answered' && (reply.status < 300 || reply.status === 409);
    outcomes('replicas', isWell ? undefined : refusalOf(reply));
    if (reply.kind !== 'answered' || reply.status >= 300) return;
    requestedAt = startedAt;
    seen = updateReports(seen, readReports(asMapping(reply.object['metadata'])?.['annotations']), now());
    const claimed = new Set(others().flatMap((other) => other.here.map(textOf)));
    const elsewhere = lost.filter((proxy) => claimed.has(textOf(proxy)));
    if (elsewhere.length > 0) moved.release(elsewhere);
  };

  const connectedHere = async (reports: readonly ReplicaReport[]): Promise<readonly LostProxy[]> => {
    const lost = reports.flatMap((report) => report.lost);
    return lost.length === 0 ? [] : moved.connected(lost);
  };

  const run = async (): Promise<void> => {
    while (!closed.signal.aborted) {
      early = Promise.withResolvers();
      await publish();
      await Promise.race([early.promise, pause(everyMs)]);
      if (servedAt <= requestedAt || now() - reportedChangeAt < everyMs) continue;
      reportedChangeAt = now();
      await pause(afterChangeMs);
    }
  };

  const others = (): readonly ReplicaReport[] =>
    [...seen]
      .filter(([other, report]) => other !== key && isAlive(report, now()))
      .map(([, { report }]) => report);

  const running = run();
  return {
    countsOf(mesh, version) {
      const own = { replica: identity, beat: '', meshes: local(), lost: [], here: [] };
      const sum = sumCounts([own, ...others()], mesh, version);
      const isCurrent = requestedAt >= servedAt && now() - requestedAt < forgetReplicaMs;
      return { ...sum, complete: sum.complete && isCurrent };
    },
    served() {
      servedAt = now();
      if (servedAt - reportedChangeAt >= everyMs) early.resolve();
    },
    others,
    async close() {
      closed.abort();
      early.resolve();
      await running;
      if (beat === 0) return;
      const signal = AbortSignal.timeout(closeMs);
      await callApi(client, mergePatch(path, { metadata: { annotations: { [key]: null } } }), signal);
    },
  };
}

function textOf({ mesh, node, goneAt }: LostProxy): string {
  return JSON.stringify([mesh, node, goneAt]);
}
