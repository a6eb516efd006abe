import { typeUrls } from '../core/type-urls.ts';

/** Short name of a discovery service. */
export type Transport = 'ads' | 'sds' | 'cds' | 'lds' | 'rds' | 'eds';

/** A discovery service: its methods and, except for the aggregated service, its type. */
export interface DiscoveryService {
  readonly transport: Transport;
  /** The full name of the service, with its package. */
  readonly name: string;
  /** The type that it serves; `undefined` for the aggregated service, which serves every type. */
  readonly typeUrl: string | undefined;
  /** The names of its methods: streams in both protocols, and the unary one, which the aggregated service lacks. */
  readonly sotw: string;
  readonly delta: string;
  readonly fetch: string | undefined;
}

/** The services that a server adds. */
export const discoveryServices: readonly DiscoveryService[] = [
  {
    transport: 'ads',
    name: 'envoy.service.discovery.v3.AggregatedDiscoveryService',
    typeUrl: undefined,
    sotw: 'StreamAggregatedResources',
    delta: 'DeltaAggregatedResources',
    fetch: undefined,
  },
  typedService('sds', 'envoy.service.secret.v3.SecretDiscoveryService', 'Secrets', typeUrls.secret),
  typedService('cds', 'envoy.service.cluster.v3.ClusterDiscoveryService', 'Clusters', typeUrls.cluster),
  typedService('lds', 'envoy.service.listener.v3.ListenerDiscoveryService', 'Listeners', typeUrls.listener),
  typedService('rds', 'envoy.service.route.v3.RouteDiscoveryService', 'Routes', typeUrls.routeConfiguration),
  typedService(
    'eds',
    'envoy.service.endpoint.v3.EndpointDiscoveryService',
    'Endpoints',
    typeUrls.clusterLoadAssignment,
  ),
];

function typedService(transport: Transport, name: string, plural: string, typeUrl: string): DiscoveryService {
  const [sotw, delta, fetch] = [`Stream${plural}`, `Delta${plural}`, `Fetch${plural}`];
  return { transport, name, typeUrl, sotw, delta, fetch };
}
