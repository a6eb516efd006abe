import { Server } from '@grpc/grpc-js';
import type { ServerCredentials, ServerOptions } from '@grpc/grpc-js';
import { formatListenAddress, parseListenAddress } from '../net/listen-address.ts';
import { removeStaleSocket } from '../net/stale-socket.ts';

/** How connections are kept. Times in milliseconds. */
export interface GrpcServerOptions {
  /** Longest request; default 4 MiB. */
  readonly maxReceiveBytes?: number | undefined;
  /** How often a connection is pinged; one that does not answer in `keepaliveTimeoutMs` is closed. */
  readonly keepaliveMs?: number | undefined;
  readonly keepaliveTimeoutMs?: number | undefined;
  /** Closes connections after this time, so that proxies spread over replicas again; off by default. */
  readonly maxConnectionAge?: ConnectionAge | undefined;
}

/** Both or neither: without a grace, grpc-js waits for streams that never end by themselves. */
export interface ConnectionAge {
  readonly ageMs: number;
  readonly graceMs: number;
}

/** A gRPC server that notices dead peers. Without pings, the stream of a proxy that lost its power stays open. */
export function createGrpcServer({
  maxReceiveBytes = 4 * 1024 * 1024,
  keepaliveMs = 30_000,
  keepaliveTimeoutMs = 10_000,
  maxConnectionAge,
}: GrpcServerOptions = {}): Server {
  const options: ServerOptions = {
    'grpc.max_receive_message_length': maxReceiveBytes,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
  };
  if (maxConnectionAge !== undefined) {
    options['grpc.max_connection_age_ms'] = maxConnectionAge.ageMs;
    options['grpc.max_connection_age_grace_ms'] = maxConnectionAge.graceMs;
  }
  return new Server(options);
}

/**
 * Binds a server to `HOST:PORT` or `unix:PATH`; resolves with the address, port 0 replaced by the actual one.
 * @throws {Error} that names the address, when it is taken or is none.
 */
export async function listenGrpc(
  server: Server,
  text: string,
  credentials: ServerCredentials,
): Promise<string> {
  const address = parseListenAddress(text);
  if (address.kind === 'unix') await removeStaleSocket(address.path);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(formatListenAddress(address), credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(new Error(`cannot listen on ${text}: ${error.message}`, { cause: error }));
    });
  });
  return formatListenAddress(address.kind === 'unix' ? address : { ...address, port });
}
