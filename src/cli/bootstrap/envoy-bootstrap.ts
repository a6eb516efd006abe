import { isIP } from 'node:net';
import type { ListenAddress } from '../../net/listen-address.ts';
import { spireAgent, spireCertificate, tokenFilters, tokenSecretFile } from './xds-credentials.ts';
import type { TokenFiles } from './xds-credentials.ts';

/** How a proxy subscribes to its secrets: over ADS or SDS, incremental or state of the world. */
export const bootstrapTransports = ['delta-ads', 'ads', 'delta-sds', 'sds'] as const;

type BootstrapTransport = (typeof bootstrapTransports)[number];

/** Input of a bootstrap. Paths of files are as Envoy opens them. */
export interface BootstrapInput {
  readonly nodeId: string;
  readonly cluster: string;
  readonly mesh: string;
  readonly transport: BootstrapTransport;
  /** The secret by which the listener validates its clients. */
  readonly secret: string;
  /** Address of the control plane. */
  readonly xds: ListenAddress;
  /** TLS to the control plane; undefined for no TLS. */
  readonly tls: BootstrapTls | undefined;
  /** The token that the proxy sends to the control plane; undefined for none. */
  readonly token: TokenFiles | undefined;
  readonly listen: ListenAddress;
  readonly admin: ListenAddress;
  /** Certificate of the listener. */
  readonly identity: KeyFiles;
}

export interface BootstrapTls {
  /** CA certificates that verify the control plane's certificate. */
  readonly ca: string;
  /** The DNS name or IP address that its certificate must have. */
  readonly serverName: string;
  /** Client certificate of the proxy for the control plane: files, or the Unix socket of a SPIRE agent. */
  readonly identity: KeyFiles | { readonly spireSocket: string } | undefined;
}

interface KeyFiles {
  readonly cert: string;
  readonly key: string;
}

/**
 * Returns a complete bootstrap, as in `examples/envoy`. Its listener accepts the clients that the secret trusts, and
 * refuses every client until it has the secret: the default context trusts no client.
 */
export function envoyBootstrap(input: BootstrapInput): object {
  const { nodeId, cluster, mesh, admin } = input;
  const { dynamic_resources, static_resources } = controlPlanePart(input);
  return {
    node: { id: nodeId, cluster, metadata: { mesh } },
    admin: { address: addressOf(admin) },
    ...(dynamic_resources === undefined ? {} : { dynamic_resources }),
    static_resources: { ...static_resources, listeners: [listener(input)] },
  };
}

/** The values of `--part`. */
export const bootstrapParts = ['bootstrap', 'listener', 'cluster', 'control-plane', 'token-sds'] as const;

export type BootstrapPart = (typeof bootstrapParts)[number];

/** Returns one part of a configuration, to be pasted into a bootstrap. */
export function envoyPart(part: BootstrapPart, input: BootstrapInput): object {
  switch (part) {
    case 'bootstrap':
      return envoyBootstrap(input);
    case 'listener':
      return { transport_socket: tlsSocket('DownstreamTlsContext', input) };
    case 'cluster':
      return { transport_socket: tlsSocket('UpstreamTlsContext', input) };
    case 'control-plane':
      return controlPlanePart(input);
    case 'token-sds':
      return input.token === undefined ? {} : tokenSecretFile(input.token);
  }
}

/** The parts of a bootstrap by which Envoy finds the control plane. */
interface ControlPlanePart {
  readonly dynamic_resources?: object;
  readonly static_resources: { readonly clusters: readonly object[] };
}

function controlPlanePart(input: BootstrapInput): ControlPlanePart {
  const ads = isAds(input) ? { dynamic_resources: { ads_config: apiSource(input) } } : {};
  const identity = input.tls?.identity;
  const agents =
    identity !== undefined && 'spireSocket' in identity ? [spireAgent(identity.spireSocket)] : [];
  return { ...ads, static_resources: { clusters: [controlPlane(input), ...agents] } };
}

function isAds({ transport }: BootstrapInput): boolean {
  return transport.endsWith('ads');
}

const clusterName = 'meshtrust';
const extension = (name: string): string => `type.googleapis.com/envoy.extensions.${name}`;

function apiSource({ transport }: BootstrapInput): object {
  return {
    api_type: transport.startsWith('delta') ? 'DELTA_GRPC' : 'GRPC',
    transport_api_version: 'V3',
    // Otherwise every request, including acknowledgements, repeats the node (61 KB).
    set_node_on_first_message_only: true,
    grpc_services: [{ envoy_grpc: { cluster_name: clusterName } }],
  };
}

function controlPlane({ xds, tls, token }: BootstrapInput): object {
  const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return {
    name: clusterName,
    type: xds.kind === 'tcp' && isIP(xds.host) === 0 ? 'STRICT_DNS' : 'STATIC',
    connect_timeout: '1s',
    ...(tls === undefined ? {} : { transport_socket: upstreamTls(tls) }),
    typed_extension_protocol_options: {
      [httpOptions]: {
        '@type': `type.googleapis.com/${httpOptions}`,
        explicit_http_config: {
          // Otherwise Envoy does not notice a control plane that disappeared without closing the connection, and
          // receives no new trust.
          http2_protocol_options: { connection_keepalive: { interval: '30s', timeout: '5s' } },
        },
        ...(token === undefined ? {} : { http_filters: tokenFilters(token) }),
      },
    },
    load_assignment: {
      cluster_name: clusterName,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: addressOf(xds) } }] }],
    },
  };
}

function upstreamTls({ ca, serverName, identity }: BootstrapTls): object {
  const isName = isIP(serverName) === 0;
  const matcher = { san_type: isName ? 'DNS' : 'IP_ADDRESS', matcher: { exact: serverName } };
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': extension('transport_sockets.tls.v3.UpstreamTlsContext'),
      // An IP address is not a server name (RFC 6066, section 3).
      ...(isName ? { sni: serverName } : {}),
      common_tls_context: {
        ...clientCertificate(identity),
        validation_context: { trusted_ca: { filename: ca }, match_typed_subject_alt_names: [matcher] },
      },
    },
  };
}

function clientCertificate(identity: BootstrapTls['identity']): object {
  if (identity === undefined) return {};
  return 'spireSocket' in identity
    ? { tls_certificate_sds_secret_configs: [spireCertificate] }
    : { tls_certificates: [certificate(identity)] };
}

function listener(input: BootstrapInput): object {
  return {
    name: 'inbound',
    address: addressOf(input.listen),
    filter_chains: [{ transport_socket: tlsSocket('DownstreamTlsContext', input), filters: [answerAll] }],
  };
}

/** Returns TLS that verifies the peer by the secret: the clients of a listener, or the servers of a cluster. */
function tlsSocket(context: 'DownstreamTlsContext' | 'UpstreamTlsContext', input: BootstrapInput): object {
  // Envoy (1.36 and 1.40) crashes at the start if a static cluster gets a secret over ADS, so clusters have SDS
  // streams.
  const isOverAds = isAds(input) && context === 'DownstreamTlsContext';
  const source = isOverAds ? { ads: {} } : { api_config_source: apiSource(input) };
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': extension(`transport_sockets.tls.v3.${context}`),
      ...(context === 'DownstreamTlsContext' ? { require_client_certificate: true } : {}),
      common_tls_context: {
        tls_certificates: [certificate(input.identity)],
        combined_validation_context: {
          default_validation_context: { custom_validator_config: trustNobody },
          validation_context_sds_secret_config: {
            name: input.secret,
            sds_config: { resource_api_version: 'V3', ...source },
          },
        },
      },
    },
  };
}

const trustNobody = {
  name: 'envoy.tls.cert_validator.spiffe',
  typed_config: {
    '@type': extension('transport_sockets.tls.v3.SPIFFECertValidatorConfig'),
    trust_domains: [],
  },
};

const answerAll = {
  name: 'envoy.filters.network.http_connection_manager',
  typed_config: {
    '@type': extension('filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'inbound',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            {
              match: { prefix: '/' },
              direct_response: { status: 200, body: { inline_string: 'let in\n' } },
            },
          ],
        },
      ],
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': extension('filters.http.router.v3.Router') },
      },
    ],
  },
};

function certificate({ cert, key }: KeyFiles): object {
  return { certificate_chain: { filename: cert }, private_key: { filename: key } };
}

function addressOf(address: ListenAddress): object {
  return address.kind === 'unix'
    ? { pipe: { path: address.path } }
    : { socket_address: { address: address.host, port_value: address.port } };
}
