import type { Certificate } from './certificates.ts';

/** The transports by which an Envoy subscribes to secrets: ADS or SDS, state of the world or delta. */
export const transports = ['delta-ads', 'sotw-ads', 'delta-sds', 'sotw-sds'] as const;
export type Transport = (typeof transports)[number];

/** The client side of TLS to the control plane. */
export interface ControlPlaneTls {
  /** PEM of the CA that signed the control plane's certificate. */
  readonly caPem: string;
  /** DNS name that the control plane's certificate must have. */
  readonly serverName: string;
  readonly identity?: Pick<Certificate, 'certPem' | 'keyPem'>;
}

export interface BootstrapOptions {
  readonly transport: Transport;
  readonly xdsPort: number;
  readonly nodeId: string;
  readonly mesh: string;
  /** Names of secrets. Each has a listener with the secret as its only validation context. */
  readonly secretNames: readonly string[];
  /** The certificate that the listeners present to clients. */
  readonly identity: Pick<Certificate, 'certPem' | 'keyPem'>;
  readonly tls: ControlPlaneTls | undefined;
  /** Envoy's gRPC client: its own, which is the default, or the C++ library of Google, without TLS. */
  readonly grpcClient?: 'envoy_grpc' | 'google_grpc';
  /** The rate at which Envoy may send requests: a burst, and further ones per second. Default: no limit. */
  readonly requestRate?: { readonly burst: number; readonly perSecond: number };
  /** True to subscribe to clusters by ADS as well. */
  readonly clusters?: boolean;
  /** Seconds for which Envoy waits for a first secret; 0 waits forever. */
  readonly initialFetchTimeout: number;
  /**
   * The file to which the listeners log each connection, as JSON with the issuer of the client. Envoy 1.40 or later.
   */
  readonly accessLog?: string;
  /** Access logs of connections or of requests that are sent to the cluster `access_log`, which has this port. */
  readonly grpcLog?: { readonly port: number; readonly of: 'connections' | 'requests'; readonly logs: Json };
}

export type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

const typeUrl = (name: string): string => `type.googleapis.com/envoy.extensions.${name}`;

/**
 * Returns a bootstrap as JSON. Its TLS listeners, on ports that the system chooses, respond with 200 to every admitted
 * client. They intentionally have no fail-closed default context: the secret alone must refuse clients.
 */
export function envoyBootstrap(options: BootstrapOptions): Json {
  const { transport, nodeId, mesh, secretNames } = options;
  const grpc = {
    api_type: transport.startsWith('delta') ? 'DELTA_GRPC' : 'GRPC',
    transport_api_version: 'V3',
    set_node_on_first_message_only: true,
    ...(options.requestRate && {
      rate_limit_settings: {
        max_tokens: options.requestRate.burst,
        fill_rate: options.requestRate.perSecond,
      },
    }),
    grpc_services: [
      options.grpcClient === 'google_grpc'
        ? { google_grpc: { target_uri: `127.0.0.1:${options.xdsPort}`, stat_prefix: 'meshtrust' } }
        : { envoy_grpc: { cluster_name: 'meshtrust', retry_policy: quickRetries } },
    ],
  };
  const ads = transport.endsWith('ads');
  const source = ads ? { ads: {} } : { api_config_source: grpc };
  return {
    node: { id: nodeId, cluster: 'meshtrust-test', metadata: { mesh } },
    admin: { address: socketAddress(0) },
    ...(ads && {
      dynamic_resources: {
        ads_config: grpc,
        ...(options.clusters === true && { cds_config: { ads: {}, resource_api_version: 'V3' } }),
      },
    }),
    static_resources: {
      clusters: [
        controlPlaneCluster(options),
        ...(options.grpcLog === undefined
          ? []
          : [{ ...controlPlaneCluster({ ...options, xdsPort: options.grpcLog.port }), name: 'access_log' }]),
      ],
      listeners: secretNames.map((name, index) =>
        listener(`inbound_${index}`, options, {
          name,
          sds_config: {
            ...source,
            resource_api_version: 'V3',
            initial_fetch_timeout: `${options.initialFetchTimeout}s`,
          },
        }),
      ),
    },
  };
}

/** Reconnects after at most 300 ms, so that tests of a restart are short. */
const quickRetries = { retry_back_off: { base_interval: '0.05s', max_interval: '0.3s' } };

function controlPlaneCluster({ xdsPort, tls }: BootstrapOptions): { readonly [key: string]: Json } {
  return {
    name: 'meshtrust',
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': typeUrl('upstreams.http.v3.HttpProtocolOptions'),
        explicit_http_config: {
          http2_protocol_options: { connection_keepalive: { interval: '30s', timeout: '5s' } },
        },
      },
    },
    load_assignment: {
      cluster_name: 'meshtrust',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(xdsPort) } }] }],
    },
    ...(tls && { transport_socket: upstreamTls(tls) }),
  };
}

function upstreamTls({ caPem, serverName, identity }: ControlPlaneTls): Json {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': typeUrl('transport_sockets.tls.v3.UpstreamTlsContext'),
      sni: serverName,
      common_tls_context: {
        ...(identity && { tls_certificates: [tlsCertificate(identity)] }),
        validation_context: {
          trusted_ca: { inline_string: caPem },
          match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: serverName } }],
        },
      },
    },
  };
}

function fileLog(path: string): Json {
  return {
    name: 'envoy.access_loggers.file',
    typed_config: {
      '@type': typeUrl('access_loggers.file.v3.FileAccessLog'),
      path,
      log_format: {
        json_format: {
          start_time: '%START_TIME%',
          peer_issuer: '%DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256%',
        },
      },
    },
  };
}

function listener(name: string, { identity, accessLog, grpcLog }: BootstrapOptions, secret: Json): Json {
  return {
    name,
    ...(accessLog !== undefined && { access_log: [fileLog(accessLog)] }),
    ...(grpcLog?.of === 'connections' && { access_log: grpcLog.logs }),
    stat_prefix: name,
    address: socketAddress(0),
    filter_chains: [
      {
        transport_socket: {
          name: 'envoy.transport_sockets.tls',
          typed_config: {
            '@type': typeUrl('transport_sockets.tls.v3.DownstreamTlsContext'),
            require_client_certificate: true,
            common_tls_context: {
              tls_certificates: [tlsCertificate(identity)],
              validation_context_sds_secret_config: secret,
            },
          },
        },
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type': typeUrl('filters.network.http_connection_manager.v3.HttpConnectionManager'),
              stat_prefix: name,
              ...(grpcLog?.of === 'requests' && { access_log: grpcLog.logs }),
              route_config: {
                virtual_hosts: [
                  {
                    name: 'all',
                    domains: ['*'],
                    routes: [
                      {
                        match: { prefix: '/' },
                        direct_response: { status: 200, body: { inline_string: 'in\n' } },
                      },
                    ],
                  },
                ],
              },
              http_filters: [
                {
                  name: 'envoy.filters.http.router',
                  typed_config: { '@type': typeUrl('filters.http.router.v3.Router') },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}

function tlsCertificate({ certPem, keyPem }: Pick<Certificate, 'certPem' | 'keyPem'>): Json {
  return { certificate_chain: { inline_string: certPem }, private_key: { inline_string: keyPem } };
}

function socketAddress(port: number): Json {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
