import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

import { createApiClient } from '../client/api-client.ts';
import { loadKubeConfig } from '../client/kube-config.ts';
import type { HeadChange } from '../client/watch-types.ts';
import type { MeshCounts } from './core/replica-counts.ts';
import type { Outcomes } from './outcomes.ts';
import { createIdentityEvents } from './identity-events.ts';
import type { IdentityEventsOptions } from './identity-events.ts';
import { createReporter } from './reporter.ts';
import type { Reporter, ReporterOptions } from './reporter.ts';
import { runElection } from './run-election.ts';
import { shareCounts } from './share-counts.ts';
import type { MovedProxies, SharedCounts } from './share-counts.ts';

export interface StatusOptions
  extends
    Pick<IdentityEventsOptions, 'findingsByPath'>,
    Pick<ReporterOptions, 'view' | 'isCurrent' | 'grantsOf' | 'onDropped'> {
  /** Path of the kubeconfig. `undefined`: `loadKubeConfig` finds it. */
  readonly kubeconfig: string | undefined;
  /** Namespace of the Leases. */
  readonly namespace: string;
  /** Name of the leader's Lease. The Lease with the proxy counts has the suffix `-replicas`. */
  readonly lease: string;
  /** Returns the proxy counts of this replica, for each mesh that it serves and whose proxies it knows. */
  readonly localCounts: () => MeshCounts;
  readonly moved: MovedProxies;
  readonly outcomes: Outcomes;
  /** Called when this replica becomes the leader, and when it stops being the leader. */
  readonly onLeading: (leading: boolean) => void;
}

/** Writes the status and the Events of the cluster's objects while this replica holds the Lease. */
export interface StatusEdge extends AsyncDisposable {
  /** Receives the changes of MeshIdentities. */
  identityHeads(change: HeadChange): void;
  heads(change: HeadChange): void;
  /** Receives the events of the pipeline. `served`: another state is served. */
  state(event: { readonly kind: string }): void;
  /** Returns the reports of the other replicas. */
  readonly others: SharedCounts['others'];
  /** Releases the leader's Lease, so that another replica can lead at once. This replica still reports its proxies. */
  stepDown(): Promise<void>;
}

/**
 * Joins the election, and starts to share proxy counts and to write statuses. Later failures go to `outcomes`, and
 * serving never waits for any of this.
 * @throws {Error} if there is no kubeconfig, or it cannot be used.
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
    identityEvents.changed();
  };
  const election = runElection({ ...request, name: lease, onAttempt });
  const { countsOf } = counts;
  const reporter = createReporter({ ...options, client, instance, countsOf, isLeading: election.isLeading });
  const closed = new AbortController();
  const identityEvents = createIdentityEvents({
    ...options,
    client,
    instance,
    isLeading: election.isLeading,
    signal: closed.signal,
  });
  const follow = followState(counts, reporter);
  return {
    heads: (change) => reporter.heads(change),
    identityHeads: (change) => identityEvents.heads(change),
    state(event) {
      follow(event);
      identityEvents.changed();
    },
    others: counts.others,
    stepDown: async () => {
      await election.close();
      onAttempt();
    },
    async [Symbol.asyncDispose]() {
      closed.abort();
      await Promise.all([reporter.close(), identityEvents.close(), election.close(), counts.close()]);
      client.close();
    },
  };
}

/**
 * Returns the handler of the pipeline's events. When another state is served, earlier reports of other replicas do
 * not count any more, because they describe the previous state. That comes first, then the objects are compared.
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
