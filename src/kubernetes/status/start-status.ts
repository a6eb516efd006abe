import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

import { createApiClient } from '../client/api-client.ts';
import { loadKubeConfig } from '../client/kube-config.ts';
import type { HeadChange } from '../client/watch-types.ts';
import type { MeshCounts } from './core/replica-counts.ts';
import type { Outcomes } from './outcomes.ts';
import { createReporter } from './reporter.ts';
import type { Reporter, ReporterOptions } from './reporter.ts';
import { runElection } from './run-election.ts';
import { shareCounts } from './share-counts.ts';
import type { MovedProxies, SharedCounts } from './share-counts.ts';

export interface StatusOptions extends Pick<
  ReporterOptions,
  'view' | 'isCurrent' | 'grantsOf' | 'onDropped'
> {
  /** A kubeconfig; found by the usual rules if undefined. */
  readonly kubeconfig: string | undefined;
  /** Where the Leases are. */
  readonly namespace: string;
  /** Name of the Lease of the leader; that of the replicas has `-replicas` behind it. */
  readonly lease: string;
  /** The proxies of this replica, for each mesh that it serves and knows them of. */
  readonly localCounts: () => MeshCounts;
  readonly moved: MovedProxies;
  readonly outcomes: Outcomes;
  /** Called when this replica becomes the leader, and when it is it no longer. */
  readonly onLeading: (leading: boolean) => void;
}

/** Tells the cluster what becomes of its objects, as long as this replica holds the Lease. */
export interface StatusEdge {
  heads(change: HeadChange): void;
  /** Something changed; `served`: what is served. */
  state(event: { readonly kind: string }): void;
  /** The proxies of the other replicas. */
  readonly others: SharedCounts['others'];
  /** Lets another replica lead, at once; this one goes on to count its proxies. */
  stepDown(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Joins the election and begins to count and to report. Never throws later, and serving never waits for any of it.
 * @throws {Error} when there is no kubeconfig, or it cannot be used.
 */
export function startStatus(options: StatusOptions): StatusEdge {
  const { kubeconfig, namespace, lease, localCounts, moved, outcomes, onLeading } = options;
  const client = createApiClient(() => loadKubeConfig(kubeconfig));
  const instance = hostname();
  const identity = `${instance}_${randomUUID()}`;
  const request = { client, namespace, identity, outcomes };
  const counts = shareCounts({ ...request, name: `${lease}-replicas`, local: localCounts, moved });
  let wasLeading = false;
  const onAttempt = (): void => {
    const leading = election.isLeading();
    if (leading === wasLeading) return;
    wasLeading = leading;
    onLeading(leading);
    reporter.changed();
  };
  const election = runElection({ ...request, name: lease, onAttempt });
  const { countsOf } = counts;
  const reporter = createReporter({ ...options, client, instance, countsOf, isLeading: election.isLeading });
  return {
    heads: (change) => reporter.heads(change),
    state: followState(counts, reporter),
    others: counts.others,
    stepDown: async () => {
      await election.close();
      onAttempt();
    },
    async close() {
      await Promise.all([reporter.close(), election.close(), counts.close()]);
      client.close();
    },
  };
}

/**
 * Returns what happens when the state changes. What other replicas reported before another state was served says
 * nothing of that state.
 */
export function followState(
  counts: Pick<SharedCounts, 'served'>,
  reporter: Pick<Reporter, 'changed'>,
): StatusEdge['state'] {
  return ({ kind }) => {
    if (kind === 'served') counts.served();
    reporter.changed();
  };
}
