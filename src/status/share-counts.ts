import { setTimeout as delay } from 'node:timers/promises';

import type { ApiClient } from '../source/kubernetes/api-client.ts';
import { asMapping } from '../source/kubernetes/api-object.ts';
import { callApi, refusalOf } from '../source/kubernetes/call-api.ts';
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
import type { MeshCounts, ReplicaReport, SeenReport } from './core/replica-counts.ts';
import type { ProxyCounts } from './core/status.ts';
import type { Outcomes } from './outcomes.ts';

export interface ShareCountsOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  /** Of the Lease that all replicas annotate. */
  readonly name: string;
  /** Of this replica. */
  readonly identity: string;
  /** What this replica has, asked for whenever it is needed; undefined where it is not known. */
  readonly local: () => MeshCounts | undefined;
  readonly outcomes: Outcomes;
  /** How often this replica writes, in milliseconds; 5,000. */
  readonly everyMs?: number | undefined;
  /** Monotonic milliseconds. */
  readonly now?: (() => number) | undefined;
}

/** The proxies of all replicas. */
export interface SharedCounts {
  readonly countsOf: (mesh: string, version: string) => ProxyCounts;
  /** The other replicas that are there, as they said last. */
  readonly others: () => readonly ReplicaReport[];
  /** Takes what this replica said away, and ends. Waits at most two seconds for the API server. */
  close(): Promise<void>;
}

const endMs = 2_000;
/** What a replica said that ended without a word is taken away after so many milliseconds. */
const removeMs = 600_000;

/**
 * Writes every few seconds what this replica has into an annotation of one Lease; the answer says what all others
 * wrote, so nothing is read besides. Never throws.
 */
export function shareCounts(options: ShareCountsOptions): SharedCounts {
  const { client, namespace, name, identity, local, outcomes } = options;
  const { everyMs = 5_000, now = () => performance.now() } = options;
  const closed = new AbortController();
  const key = reportKey(identity);
  const path = leasePath(namespace, name);
  let seen: ReadonlyMap<string, SeenReport> = new Map();
  let heardAt = -Infinity;
  let beat = 0;

  const publish = async (): Promise<void> => {
    beat += 1;
    const text = writeReport({ replica: identity, beat: String(beat), meshes: local() });
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
    heardAt = now();
    seen = seeReports(seen, readReports(asMapping(reply.object['metadata'])?.['annotations']), heardAt);
  };

  const run = async (): Promise<void> => {
    const { signal } = closed;
    while (!signal.aborted) {
      await publish();
      await delay(everyMs, undefined, { signal }).catch(() => undefined);
    }
  };

  const others = (): readonly ReplicaReport[] =>
    [...seen]
      .filter(([other, report]) => other !== key && isAlive(report, now()))
      .map(([, { report }]) => report);

  const running = run();
  return {
    countsOf(mesh, version) {
      const meshes = local();
      const own = {
        replica: identity,
        beat: '',
        meshes: meshes ?? new Map(),
        complete: meshes !== undefined,
      };
      const sum = sumCounts([own, ...others()], mesh, version);
      return { ...sum, complete: sum.complete && now() - heardAt < forgetReplicaMs };
    },
    others,
    async close() {
      closed.abort();
      await running;
      if (beat === 0) return;
      const signal = AbortSignal.timeout(endMs);
      await callApi(client, mergePatch(path, { metadata: { annotations: { [key]: null } } }), signal);
    },
  };
}
