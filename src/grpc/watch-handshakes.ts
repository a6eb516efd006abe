import { Server as TlsServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { Server } from '@grpc/grpc-js';
import { handshakeFailureOf } from '../net/handshake-failure.ts';
import type { HandshakeFailure } from '../net/handshake-failure.ts';

/**
 * Tells of clients of a bound server whose TLS handshake fails. grpc-js 1.14 drops them without a word, and its
 * listeners are none of its public interface: where they are not as they are known to be, nothing is told.
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
