import type { ServerOptions } from '@grpc/grpc-js';
import { longestConnectionAgeMs, timerMs } from '../timers/timers.ts';

/** Options of the transport of a gRPC server. Times are in ms. */
export interface TransportOptions {
  /** Maximum size of a request. An Envoy's has 61 KB. Default: 512 KiB. */
  readonly maxRequestBytes?: number | undefined;
  /**
   * Maximum number of concurrent streams on one connection. Clients queue further streams or open another
   * connection. Default: 256.
   */
  readonly maxConnectionStreams?: number | undefined;
  /** Interval of the keepalive pings that detect vanished proxies; 0 disables them. Default: 45 s. */
  readonly keepaliveMs?: number | undefined;
  /** Time within which a client must answer a ping. Time in which the event loop is busy counts. Default: 10 s. */
  readonly keepaliveTimeoutMs?: number | undefined;
  /**
   * Age at which a connection is closed gracefully, so that proxies spread over new replicas. At most 20 days
   * (480 hours). Default: no limit.
   */
  readonly maxConnectionAgeMs?: number | undefined;
  /** Time that the streams of such a connection have to end. Default: 10 s. */
  readonly maxConnectionAgeGraceMs?: number | undefined;
}

/** The defaults of both transports; sizes are in bytes, times in ms. */
export const transportDefaults = {
  maxRequestBytes: 512 * 1024,
  maxConnectionStreams: 256,
  keepaliveMs: 45_000,
  keepaliveTimeoutMs: 10_000,
  maxConnectionAgeGraceMs: 10_000,
} as const satisfies TransportOptions;

/**
 * Returns options for a `grpc.Server` that serves proxies. The grace time is always set together with the age:
 * with the age alone, a stream that never ends would keep its connection forever.
 * Channelz is off. Nothing here shows its data, and it keeps records of each connection, stream and message.
 * Without it, `forceShutdown` does not see connections: close those that are left with `server.drain(address,
 * 0)`.
 * @throws {RangeError} if the connection age is longer than 20 days.
 */
export function xdsServerOptions(options: TransportOptions = {}): ServerOptions {
  const age = options.maxConnectionAgeMs;
  if (age !== undefined && age > longestConnectionAgeMs) {
    throw new RangeError(`maxConnectionAgeMs is ${age}: at most ${longestConnectionAgeMs}`);
  }
  return {
    'grpc.max_receive_message_length': options.maxRequestBytes ?? transportDefaults.maxRequestBytes,
    'grpc.max_concurrent_streams': options.maxConnectionStreams ?? transportDefaults.maxConnectionStreams,
    'grpc.enable_channelz': 0,
    'grpc.keepalive_time_ms': timerMs(options.keepaliveMs ?? transportDefaults.keepaliveMs),
    'grpc.keepalive_timeout_ms': timerMs(options.keepaliveTimeoutMs ?? transportDefaults.keepaliveTimeoutMs),
    ...(age === undefined
      ? {}
      : {
          'grpc.max_connection_age_ms': age,
          'grpc.max_connection_age_grace_ms': timerMs(
            options.maxConnectionAgeGraceMs ?? transportDefaults.maxConnectionAgeGraceMs,
          ),
        }),
  };
}
