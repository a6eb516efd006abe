import { posix } from 'node:path';

const httpFilter = (name: string): string => `type.googleapis.com/envoy.extensions.filters.http.${name}`;

/** The files of a token that Envoy sends to the control plane. Paths are as Envoy opens them. */
export interface TokenFiles {
  /** The token, which its volume replaces. */
  readonly token: string;
  /** The file that `tokenSecretFile` returns. */
  readonly sds: string;
}

const tokenName = 'meshtrust-token';

/**
 * Returns the HTTP filters of the control plane's cluster that add the token to each request. Envoy reads the file
 * again when its volume replaces it: a secret in the bootstrap would keep the first token (Envoy 1.40), so the secret
 * is a resource in a second file.
 */
export function tokenFilters({ sds }: TokenFiles): readonly object[] {
  return [
    {
      name: 'credential_injector',
      typed_config: {
        '@type': httpFilter('credential_injector.v3.CredentialInjector'),
        overwrite: true,
        credential: {
          name: 'generic',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic',
            header_value_prefix: 'Bearer ',
            credential: {
              name: tokenName,
              sds_config: { resource_api_version: 'V3', path_config_source: { path: sds } },
            },
          },
        },
      },
    },
    {
      name: 'upstream_codec',
      typed_config: { '@type': httpFilter('upstream_codec.v3.UpstreamCodec') },
    },
  ];
}

/**
 * Returns the second file: the secret that reads the token. Its directory is watched, because volumes replace links.
 */
export function tokenSecretFile({ token }: TokenFiles): object {
  return {
    resources: [
      {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
        name: tokenName,
        generic_secret: {
          secret: { filename: token, watched_directory: { path: posix.dirname(token) } },
        },
      },
    ],
  };
}

const spireCluster = 'spire_agent';

/** Returns the cluster of the SPIRE agent that serves the client certificate of the proxy. */
export function spireAgent(socket: string): object {
  const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return {
    name: spireCluster,
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      [httpOptions]: {
        '@type': `type.googleapis.com/${httpOptions}`,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      cluster_name: spireCluster,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: socket } } } }] }],
    },
  };
}

/** Returns the source of the client certificate: the agent's default SVID, which the agent renews. */
export const spireCertificate: object = {
  name: 'default',
  sds_config: {
    resource_api_version: 'V3',
    api_config_source: {
      api_type: 'GRPC',
      transport_api_version: 'V3',
      grpc_services: [{ envoy_grpc: { cluster_name: spireCluster } }],
    },
  },
};
