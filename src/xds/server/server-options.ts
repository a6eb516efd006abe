import type { ServerOptions } from '@grpc/grpc-js';
import { longestConnectionAgeMs, timerMs } from '../timers/timers.ts';

/** What of a gRPC server's transport is worth choosing. Times are in ms. */
export interface TransportOptions {
  /** Largest request. An Envoy's is 61 KB. Default: 512 KiB. */
  readonly maxRequestBytes?: number | undefined;
  /** Most streams at once on one connection. Clients wait with those beyond, or connect again. Default: 256. */
  readonly maxConnectionStreams?: number | undefined;
  /** How often an idle connection is probed, so that a proxy that vanished is noticed; 0: never. Default: 45 s. */
  readonly keepaliveMs?: number | undefined;
  /** How long a probe may take; time that the event loop was busy counts. Default: 10 s. */
  readonly keepaliveTimeoutMs?: number | undefined;
  /**
   * Age at which a connection is asked to go, so that proxies spread over new replicas. At most
   * 20 days (480 hours). Default: never.
   */
  readonly maxConnectionAgeMs?: number | undefined;
  /** What its streams have left after that. Default: 10 s. */
  readonly maxConnectionAgeGraceMs?: number | undefined;
}

/**
 * Options for a `grpc.Server` that serves proxies. The grace always goes with the age: with the age alone, a
 * stream that never ends by itself keeps its connection for good.
 *
 * Channelz, which nothing here shows, is off: it keeps books of each connection, stream and message. With it
 * `forceShutdown` loses sight of connections, so let go of those that are left by `server.drain(address, 0)`.
 * @throws {RangeError} when the connection age is longer than 20 days.
 */
export function xdsServerOptions(options: TransportOptions = {}): ServerOptions {
  const age = options.maxConnectionAgeMs;
  if (age !== undefined && age > longestConnectionAgeMs) {
    throw new RangeError(`maxConnectionAgeMs is ${age}: at most ${longestConnectionAgeMs}`);
  }
  return {
    'grpc.max_receive_message_length': options.maxRequestBytes ?? 512 * 1024,
    'grpc.max_concurrent_streams': options.maxConnectionStreams ?? 256,
    'grpc.enable_channelz': 0,
    'grpc.keepalive_time_ms': timerMs(options.keepaliveMs ?? 45_000),
    'grpc.keepalive_timeout_ms': timerMs(options.keepaliveTimeoutMs ?? 10_000),
    ...(age === undefined
      ? {}
      : {
          'grpc.max_connection_age_ms': age,
          'grpc.max_connection_age_grace_ms': timerMs(options.maxConnectionAgeGraceMs ?? 10_000),
        }),
  };
}
