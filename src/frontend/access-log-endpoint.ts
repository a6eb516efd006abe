import type { HandshakeFailure } from '../net/handshake-failure.ts';
import type { Logger } from '../observe/log/log.ts';
import { grpcStatus } from '../transport/index.ts';
import { createTokenBucket } from '../xds/rate/token-bucket.ts';
import type { Rate, TokenBucket } from '../xds/rate/token-bucket.ts';
import { LogStream } from './access-log-stream.ts';
import type { LogStreamParts } from './access-log-stream.ts';
import { createByteRate } from './byte-rate.ts';
import { createOwnServer } from './own-server.ts';

/** The limits of the listener for access logs. */
export interface AccessLogLimits {
  readonly streams: number;
  /** New streams of a connection. */
  readonly streamRate: Rate;
  readonly messageBytes: number;
  /** Bytes per second that are read: of one stream, and of all. */
  readonly streamBytes: number;
  readonly allBytes: number;
}

export const defaultAccessLogLimits: AccessLogLimits = {
  streams: 4_096,
  streamRate: { perSecond: 10, burst: 100 },
  messageBytes: 1_048_576,
  streamBytes: 1_048_576,
  allBytes: 4_194_304,
};

export interface AccessLogEndpointOptions extends LogStreamParts {
  /** `HOST:PORT` or `unix:PATH`. */
  readonly listen: string;
  readonly log: Logger;
  readonly limits?: AccessLogLimits | undefined;
  /** Called for clients that TLS rejected. */
  readonly authFailed: (failure: HandshakeFailure) => void;
}

/** The listener for access logs. */
export interface AccessLogEndpoint {
  readonly address: string;
  readonly streams: () => number;
  close(): Promise<void>;
}

const path = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';

/**
 * Listens for access logs of Envoys, on the transport of `src/transport` with the TLS files of the xDS port.
 * @throws {Error} if the address is in use, or the TLS files cannot be used.
 */
export async function startAccessLogEndpoint(input: AccessLogEndpointOptions): Promise<AccessLogEndpoint> {
  const { listen, options, log, authFailed, limits = defaultAccessLogLimits } = input;
  const { server, ...proxies } = createOwnServer({
    options: { ...options, xdsListen: listen, maxRequestBytes: limits.messageBytes },
    log,
    clients: 'access logs',
    authFailed,
  });
  const open = new Set<LogStream>();
  // Envoy opens few streams. A client that opens many costs time, whether or not it may send.
  const rates = new WeakMap<object, TokenBucket>();
  server.guardWith({
    enter(connection, call) {
      let rate = rates.get(connection);
      if (rate === undefined) rates.set(connection, (rate = createTokenBucket(limits.streamRate)));
      if (rate.take(input.now()) === 0) return call.serve();
      input.refused('too-many', connection.address, 'the connection opens too many streams');
      connection.closeForExcess();
    },
    failed: () => undefined,
  });
  const all = createByteRate(limits.allBytes);
  server.addStream(path, (call) => {
    if (open.size >= limits.streams) {
      input.lost(undefined);
      const message = 'too many streams of access logs';
      input.refused('too-many', call.address, message);
      call.end({ code: grpcStatus.RESOURCE_EXHAUSTED, message });
      return;
    }
    const stream = new LogStream(call, input, [createByteRate(limits.streamBytes), all], () =>
      open.delete(stream),
    );
    open.add(stream);
    stream.start();
  });
  const address = await proxies.listen();
  return {
    address,
    streams: () => open.size,
    close() {
      for (const stream of open) stream.end();
      return proxies.shutDown();
    },
  };
}
