import { connect as connectPlain } from 'node:net';
import type { OnReadOpts, Socket } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import type { ConnectionOptions, SecureContext } from 'node:tls';
import { serverName } from './security.ts';
import type { ClientTls } from './security.ts';

/** Length of the read buffer, in bytes. */
const readLength = 131_072;
/** All sockets read into this buffer: the bytes of a read are processed before the next read. */
const readBuffer = Buffer.allocUnsafeSlow(readLength);

/**
 * Returns the TLS settings of the proxies. Cipher and key exchange are those that an Envoy offers first, so that all
 * servers do the same work.
 */
export function secureContextOf({ ca, identity }: ClientTls): SecureContext {
  return createSecureContext({
    ca,
    ...identity,
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
    ecdhCurve: 'X25519',
  });
}

/** Receives the events of a socket. */
export interface SocketEvents {
  /** The socket is connected. With TLS, the handshake is complete. */
  connected(): void;
  /** The server has sent `source[0, length)`. The bytes are valid only during the call. */
  received(source: Buffer, length: number): void;
  /** The connection has failed or is closed. Called at least once. */
  closed(reason: string): void;
}

/** Connects to `host:port`, with TLS if there is a secure context. */
export function openSocket(
  address: string,
  secureContext: SecureContext | undefined,
  events: SocketEvents,
): Socket {
  const { hostname, port } = new URL(`http://${address}`);
  const onread: OnReadOpts = {
    buffer: readBuffer,
    callback(length) {
      events.received(readBuffer, length);
      return true;
    },
  };
  const options = { host: hostname, port: Number(port), noDelay: true, onread };
  let socket: Socket;
  if (secureContext === undefined) {
    socket = connectPlain(options, () => events.connected());
  } else {
    // `tls.connect` also has the option `onread`, but its type does not.
    const secured: ConnectionOptions & typeof options = {
      ...options,
      secureContext,
      servername: serverName,
      ALPNProtocols: ['h2'],
    };
    socket = connectTls(secured, () => events.connected());
  }
  socket.on('error', (error) => events.closed(String(error)));
  socket.on('close', () => events.closed('connection closed'));
  return socket;
}
