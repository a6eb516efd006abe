import { Server as TlsServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { Server } from '@grpc/grpc-js';
import { handshakeFailureOf } from '../net/handshake-failure.ts';
import type { HandshakeFailure } from '../net/handshake-failure.ts';

/**
 * Reports clients of a bound server whose TLS handshake fails. grpc-js 1.14 drops them silently, and its listeners are
 * not part of its public interface: if they differ from the known ones, nothing is reported.
 */
export function watchHandshakes(server: Server, failed: (failure: HandshakeFailure) => void): void {
  const listeners: unknown = Reflect.get(server, 'http2Servers');
  if (!(listeners instanceof Map)) return;
  for (const listener of listeners.keys() as MapIterator<unknown>) {
    if (!(listener instanceof TlsServer)) continue;
    listener.on('tlsClientError', (error: Error, socket: TLSSocket) =>
      failed(handshakeFailureOf(error, socket)),
    );
  }
}
