import { setTimeout as delay } from 'node:timers/promises';

import type { ApiClient } from '../client/api-client.ts';
import { asMapping } from '../client/api-object.ts';
import { callApi, refusalOf } from '../client/call-api.ts';
import { leasePath, mergePatch } from './api-paths.ts';
import {
  forgetReplicaMs,
  isAlive,
  readReports,
  reportKey,
  seeReports,
  sumCounts,
  writeReport,
} from './core/replica-counts.ts';
import type { LostProxy, MeshCounts, ReplicaReport, SeenReport } from './core/replica-counts.ts';
import type { ProxyCounts } from './core/status.ts';
import type { Outcomes } from './outcomes.ts';
import { timerMs } from '../../xds/timers/timers.ts';

export interface ShareCountsOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  /** Of the Lease that all replicas annotate. */
  readonly name: string;
  /** Of this replica. */
  readonly identity: string;
  /** What this replica has, asked for whenever it is needed. */
  readonly local: () => MeshCounts;
  /** Proxies that moved from one replica to another. */
  readonly moved: MovedProxies;
  readonly outcomes: Outcomes;
  /** How often this replica writes, in milliseconds; 5,000. */
  readonly everyMs?: number | undefined;
  /** Monotonic milliseconds. */
  readonly now?: (() => number) | undefined;
}

/** What a replica knows of proxies that lost their connection to it, or to others. Nothing of it throws. */
export interface MovedProxies {
  /** Proxies that it lost, those that left last first. */
  readonly lost: () => Promise<readonly LostProxy[]>;
  /** Those that are connected to it. */
  readonly connected: (asked: readonly LostProxy[]) => Promise<readonly LostProxy[]>;
  /** Another replica has them. */
  readonly release: (proxies: readonly LostProxy[]) => void;
}

/** The proxies of all replicas. */
export interface SharedCounts {
  readonly countsOf: (mesh: string, version: string) => ProxyCounts;
  /** Another state is served: what others say counts for it once they were asked after this. */
  served(): void;
  /** The other replicas that are there, as they said last. */
  readonly others: () => readonly ReplicaReport[];
  /** Takes what this replica said away, and ends. Waits at most two seconds for the API server. */
  close(): Promise<void>;
}

const endMs = 2_000;
/** A change is told after so many milliseconds, by when most proxies have acknowledged it. */
const afterChangeMs = 100;
/** What a replica said that ended without a word is taken away after so many milliseconds. */
const removeMs = 600_000;

/**
 * Writes every few seconds what this replica has into an annotation of one Lease, and once between for a change; the
 * answer says what all others wrote, so nothing is read besides. Never throws.
 */
export function shareCounts(options: ShareCountsOptions): SharedCounts {
  const { client, namespace, name, identity, local, moved, outcomes } = options;
  const { everyMs = 5_000, now = () => performance.now() } = options;
  const closed = new AbortController();
  const key = reportKey(identity);
  const path = leasePath(namespace, name);
  let seen: ReadonlyMap<string, SeenReport> = new Map();
  /** When what was heard last was asked for. */
  let heardAt = -Infinity;
  let servedAt = -Infinity;
  let toldChangeAt = -Infinity;
  let early = Promise.withResolvers<void>();
  let beat = 0;

  const pause = async (milliseconds: number): Promise<void> =>
    // To be closed is the other way to have waited enough.
    delay(timerMs(milliseconds), undefined, { signal: closed.signal }).catch(() => undefined);

  const publish = async (): Promise<void> => {
    beat += 1;
    const askedAt = now();
    const [lost, here] = [await moved.lost(), await hereOf(others())];
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
    // 409: somebody else created it in between, and the next time is soon enough.
    const isWell = reply.kind === 'answered' && (reply.status < 300 || reply.status === 409);
    outcomes('replicas', isWell ? undefined : refusalOf(reply));
    if (reply.kind !== 'answered' || reply.status >= 300) return;
    heardAt = askedAt;
    seen = seeReports(seen, readReports(asMapping(reply.object['metadata'])?.['annotations']), now());
    const claimed = new Set(others().flatMap((other) => other.here.map(textOf)));
    const elsewhere = lost.filter((proxy) => claimed.has(textOf(proxy)));
    if (elsewhere.length > 0) moved.release(elsewhere);
  };

  const hereOf = async (reports: readonly ReplicaReport[]): Promise<readonly LostProxy[]> => {
    const asked = reports.flatMap(({ lost }) => lost);
    return asked.length === 0 ? [] : moved.connected(asked);
  };

  const run = async (): Promise<void> => {
    while (!closed.signal.aborted) {
      early = Promise.withResolvers();
      await publish();
      await Promise.race([early.promise, pause(everyMs)]);
      if (servedAt <= heardAt || now() - toldChangeAt < everyMs) continue;
      toldChangeAt = now();
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
      const isHeard = heardAt >= servedAt && now() - heardAt < forgetReplicaMs;
      return { ...sum, complete: sum.complete && isHeard };
    },
    served() {
      servedAt = now();
      if (servedAt - toldChangeAt >= everyMs) early.resolve();
    },
    others,
    async close() {
      closed.abort();
      early.resolve();
      await running;
      if (beat === 0) return;
      const signal = AbortSignal.timeout(endMs);
      await callApi(client, mergePatch(path, { metadata: { annotations: { [key]: null } } }), signal);
    },
  };
}

function textOf({ mesh, node, goneAt }: LostProxy): string {
  return JSON.stringify([mesh, node, goneAt]);
}
