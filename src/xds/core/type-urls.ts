/** Type URLs of the resources of Envoy's discovery services. */
export const typeUrls = {
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  routeConfiguration: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  clusterLoadAssignment: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
} as const;

/**
 * Types whose resources a SotW client deletes if a response omits them.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#deleting-resources
 */
export const fullStateTypeUrls: ReadonlySet<string> = new Set([typeUrls.cluster, typeUrls.listener]);
