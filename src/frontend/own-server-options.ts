import type { ConnectionTimes } from '../transport/connection-times.ts';
import type { GrpcServerOptions } from '../transport/grpc-server.ts';
import type { TransportOptions } from '../xds/index.ts';

/** Returns the options of the own transport that correspond to those of grpc-js (`xdsServerOptions`). */
export function ownServerOptions(
  options: TransportOptions,
  times: Partial<ConnectionTimes> = {},
): GrpcServerOptions {
  const intervalMs = options.keepaliveMs ?? 45_000;
  const timeoutMs = options.keepaliveTimeoutMs ?? 10_000;
  const graceMs = options.maxConnectionAgeGraceMs ?? 10_000;
  return {
    maxReceiveBytes: options.maxRequestBytes ?? 512 * 1024,
    limits: { concurrentStreams: options.maxConnectionStreams ?? 256 },
    keepAlive: intervalMs === 0 ? undefined : { intervalMs, timeoutMs },
    times: { ...times, maxAgeMs: options.maxConnectionAgeMs, graceMs },
  };
}
