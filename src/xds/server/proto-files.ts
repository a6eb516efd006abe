import { fileURLToPath } from 'node:url';

/** The directory of the proto files, relative to `src`, to `dist` and in the published packages. */
export const protoDirectory: string = fileURLToPath(new URL('../../../proto/', import.meta.url));

/** The proto files of the served services and of the messages that a server reads and writes, below `proto/`. */
export const protoFiles = [
  'envoy/service/discovery/v3/ads.proto',
  'envoy/service/secret/v3/sds.proto',
  'envoy/service/cluster/v3/cds.proto',
  'envoy/service/listener/v3/lds.proto',
  'envoy/service/route/v3/rds.proto',
  'envoy/service/endpoint/v3/eds.proto',
  'envoy/extensions/transport_sockets/tls/v3/secret.proto',
  'envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.proto',
  'grpc/health/v1/health.proto',
] as const;

/**
 * The options with which the server loads `protoFiles`. Field names are those of the proto files. For tools that need
 * the types of proto-loader, such as reflection, and for clients in tests.
 * @example
 * const definition = loadSync([...protoFiles], protoOptions);
 */
export const protoOptions = {
  includeDirs: [protoDirectory],
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
};
