import type { ConnectionTimes } from '../transport/connection-times.ts';
import type { GrpcServerOptions } from '../transport/grpc-server.ts';
import { transportDefaults } from '../xds/index.ts';
import type { TransportOptions } from '../xds/index.ts';

/** Returns the options of the own transport that correspond to those of grpc-js (`xdsServerOptions`). */
export function ownServerOptions(
  options: TransportOptions,
  times: Partial<ConnectionTimes> = {},
): GrpcServerOptions {
  const intervalMs = options.keepaliveMs ?? transportDefaults.keepaliveMs;
  const timeoutMs = options.keepaliveTimeoutMs ?? transportDefaults.keepaliveTimeoutMs;
  const graceMs = options.maxConnectionAgeGraceMs ?? transportDefaults.maxConnectionAgeGraceMs;
  return {
    maxReceiveBytes: options.maxRequestBytes ?? transportDefaults.maxRequestBytes,
    limits: { concurrentStreams: options.maxConnectionStreams ?? transportDefaults.maxConnectionStreams },
    keepAlive: intervalMs === 0 ? undefined : { intervalMs, timeoutMs },
    times: { ...times, maxAgeMs: options.maxConnectionAgeMs, graceMs },
  };
}
