import type { MeshCounts } from '../kubernetes/status/core/replica-counts.ts';
import { createOutcomes } from '../kubernetes/status/outcomes.ts';
import type { StatusEdge } from '../kubernetes/status/start-status.ts';
import { connectedOf, lostProxies } from '../fleet/moved.ts';
import type { Logger } from '../observe/log/log.ts';
import type { StatusMetrics } from '../observe/metrics/kubernetes-metrics.ts';
import type { ProxyFrontend } from '../frontend/proxy-frontend.ts';
import { ownNamespace } from './own-namespace.ts';
import type { Pipeline } from '../runtime/pipeline.ts';
import type { KubernetesOptions } from '../runtime/serve-options.ts';
import { kubernetes } from './sources.ts';

export interface KubernetesStatusInput {
  readonly options: KubernetesOptions | undefined;
  readonly pipeline: Pick<Pipeline, 'view' | 'isCurrent' | 'grantsOf'>;
  readonly front: Pick<ProxyFrontend, 'acks' | 'fleet'>;
  readonly metrics: StatusMetrics;
  readonly log: Logger;
}

/**
 * Starts to write status and Events of the cluster's objects; undefined if the options do not have it.
 * @throws {Error} if the kubeconfig is absent or cannot be used.
 */
export async function startKubernetesStatus(input: KubernetesStatusInput): Promise<StatusEdge | undefined> {
  const { options, pipeline, front, metrics, log } = input;
  if (options?.status === undefined) return undefined;
  const { lease, leaseNamespace, watched } = options.status;
  // This loads client-node.
  const { startStatus } = await import('../kubernetes/status/start-status.ts');
  return startStatus({
    kubeconfig: options.kubeconfig,
    lease,
    namespace: await ownNamespace(leaseNamespace, watched),
    view: () => {
      const { readiness, meshes, findings } = pipeline.view();
      return { ready: readiness.kind === 'ready', meshes, findings };
    },
    isCurrent: () => pipeline.isCurrent(),
    grantsOf: (path) => pipeline.grantsOf(kubernetes, path),
    findingsByPath: () => {
      const { readiness, findings } = pipeline.view();
      return readiness.kind === 'ready' ? Map.groupBy(findings, ({ file = '' }) => file) : undefined;
    },
    localCounts: () => localCounts(pipeline, front),
    moved: {
      lost: async () => lostProxies(await front.fleet.look(), Date.now()),
      connected: async (asked) => connectedOf(await front.fleet.look(), asked),
      release: (proxies) => front.fleet.release(proxies),
    },
    outcomes: createOutcomes({
      count: metrics.write,
      warn: (kind, message) => log.warn({ event: 'kubernetes-write', kind }, message),
      info: (kind, message) => log.info({ event: 'kubernetes-write', kind }, message),
      now: () => performance.now(),
    }),
    onDropped: () => metrics.write('event', 'dropped'),
    onLeading: (leading) => {
      metrics.leading(leading);
      const what = leading ? 'writes status and Events from now on' : 'no longer writes status and Events';
      log.info({ event: 'leader', leading, lease }, `this replica ${what}`);
    },
  });
}

/** Returns the version and the proxies of each mesh at this replica. */
function localCounts({ view }: Pick<Pipeline, 'view'>, { acks }: Pick<ProxyFrontend, 'acks'>): MeshCounts {
  const known = acks();
  return new Map(
    [...view().meshes].map(([mesh, { secrets }]) => {
      const counts = known.get(mesh) ?? { connected: 0, acked: 0, lost: 0 };
      return [mesh, { version: secrets.version, ...counts }];
    }),
  );
}
