import type { Server } from '@grpc/grpc-js';
import type { HandshakeFailure } from '../net/handshake-failure.ts';
import type { Logger } from '../observe/log/log.ts';
import type { ProxyOptions, XdsAuthOptions } from '../runtime/serve-options.ts';
import type { WarmUpOptions } from './warm-up/warm-up.ts';
import type { DirectServer, TransportOptions } from '../xds/index.ts';

export interface ProxyServerOptions {
  readonly options: ProxyOptions;
  readonly log: Logger;
  /** The clients, as the first word of lines of the log about TLS files. Default: `proxies`. */
  readonly clients?: string | undefined;
  /** Called for proxies that TLS rejected. */
  readonly authFailed: (failure: HandshakeFailure) => void;
}

/** A gRPC server for proxies, of either transport. */
export interface ProxyServer {
  /** The server to which services are added before it listens. */
  readonly server: Server | DirectServer;
  /** Returns the address it listens on. */
  listen(): Promise<string>;
  /**
   * Makes V8 compile the code of connections and pushes before a proxy needs it, with services and clients of its own.
   * Never rejects. `undefined` if the transport has no warm-up.
   */
  warmUp?(options: Omit<WarmUpOptions, 'createServer'>): Promise<void>;
  /** Closes each connection once its written data is sent. Connections that do not read are closed after 1 s. */
  shutDown(): Promise<void>;
}

/** Returns the options that both transports have. */
export function transportOptionsOf(options: ProxyOptions): TransportOptions {
  return {
    keepaliveMs: options.keepalive,
    keepaliveTimeoutMs: options.keepaliveTimeout,
    maxRequestBytes: options.maxRequestBytes,
    maxConnectionStreams: options.maxConnectionStreams,
    maxConnectionAgeMs: options.maxConnectionAge === 0 ? undefined : options.maxConnectionAge,
  };
}

/**
 * Returns true if a client may connect whose certificate TLS has not verified: another method may suffice, or the
 * served trust decides at the start of each stream.
 */
export function hasOptionalCertificates(auth: XdsAuthOptions | undefined): boolean {
  if (auth === undefined || !auth.methods.includes('mtls')) return false;
  return auth.methods.length > 1 || auth.clientTrust !== undefined;
}

/** The time to send the trailers of ended streams to the proxies, in ms. */
const finalFlushMs = 1000;

/** Waits until all connections are closed, for at most `finalFlushMs`. */
export async function waitForShutdown(tryShutdown: (done: () => void) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, finalFlushMs);
  tryShutdown(resolve);
  await promise;
  clearTimeout(timer);
}
