import type { Server } from '@grpc/grpc-js';
import type { HandshakeFailure } from '../net/handshake-failure.ts';
import type { Logger } from '../observe/log/log.ts';
import type { ProxyOptions } from '../runtime/serve-options.ts';
import type { DirectServer, TransportOptions } from '../xds/index.ts';

export interface ProxyServerOptions {
  readonly options: ProxyOptions;
  readonly log: Logger;
  /** Called for proxies that TLS rejected. */
  readonly authFailed: (failure: HandshakeFailure) => void;
}

/** A gRPC server for proxies, of either transport. */
export interface ProxyServer {
  /** Where services are added, before it listens. */
  readonly server: Server | DirectServer;
  /** Returns the address it listens on. */
  listen(): Promise<string>;
  /** Closes connections once what was written has gone out; those that do not read, after a while. */
  shutDown(): Promise<void>;
}

/** Returns what both transports are told. */
export function transportOptionsOf(options: ProxyOptions): TransportOptions {
  return {
    keepaliveMs: options.keepalive,
    keepaliveTimeoutMs: options.keepaliveTimeout,
    maxRequestBytes: options.maxRequestBytes,
    maxConnectionStreams: options.maxConnectionStreams,
    maxConnectionAgeMs: options.maxConnectionAge === 0 ? undefined : options.maxConnectionAge,
  };
}

/** How long the ends of streams have to reach the proxies, in milliseconds. */
const lastWordsMs = 1000;

/** Waits until all connections are gone, for the time that the ends of streams have to reach the proxies. */
export async function waitForShutdown(tryShutdown: (done: () => void) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, lastWordsMs);
  tryShutdown(resolve);
  await promise;
  clearTimeout(timer);
}
