import type { Socket } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import { certificateOf } from './client-certificate.ts';

/**
 * The socket of a client, its address and certificate, and the callbacks for its close. A base class, because an object
 * for each connection would cost memory.
 */
export abstract class ClientSocket {
  readonly socket: Socket;
  /** `ADDRESS:PORT`, or `unknown` for a Unix socket, as in grpc-js. */
  readonly peer: string;
  /** The address without the port; empty for a Unix socket. */
  readonly address: string;
  #certificate: PeerCertificate | 'none' | undefined;
  // One listener of the socket calls all: Node.js creates four objects for each listener.
  #whenGone: readonly (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    const { remoteAddress, remotePort } = socket;
    this.address = remoteAddress ?? '';
    this.peer = remoteAddress === undefined ? 'unknown' : `${remoteAddress}:${remotePort}`;
  }

  /** The client's certificate; `undefined` without TLS, without a certificate, and if TLS has not verified it. */
  get certificate(): PeerCertificate | undefined {
    this.#certificate ??= certificateOf(this.socket) ?? 'none';
    return this.#certificate === 'none' ? undefined : this.#certificate;
  }

  /** Calls back when the socket has closed. */
  whenGone(callback: () => void): void {
    // Not `push`, which reserves room for 17 entries.
    this.#whenGone = [...this.#whenGone, callback];
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Calls back all that wait for the end of the socket. Must be called once it has closed. */
  protected reportGone(): void {
    for (const callback of this.#whenGone) callback();
  }
}
