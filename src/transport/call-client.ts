import type { Socket } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import type { RequestHead } from '../http2/request-head.ts';
import type { GrpcConnection } from './grpc-connection.ts';
import { metadataOf } from './metadata.ts';
import type { CallMetadata } from './metadata.ts';

/** The client of a call, and its connection. A base class, because an object for each call would cost memory. */
export abstract class CallClient {
  /** The header fields of the request. */
  readonly head: RequestHead;
  /** The connection, to whose budgets the call counts. */
  readonly session: GrpcConnection;

  constructor(head: RequestHead, session: GrpcConnection) {
    this.head = head;
    this.session = session;
  }

  /** The path of its method: `/package.Service/Method`. */
  get path(): string {
    return this.head.path;
  }

  get contentType(): string | undefined {
    return this.head.get('content-type');
  }

  /** `ADDRESS:PORT` of the client, or `unknown` for a Unix socket. */
  get address(): string {
    return this.session.peer;
  }

  /** The verified certificate of the client; `undefined` without one, or without TLS. */
  get certificate(): PeerCertificate | undefined {
    return this.session.certificate;
  }

  /** The socket of the connection. All its calls share it. */
  get socket(): Socket {
    return this.session.socket;
  }

  /** The metadata among the header fields of the request. Each read creates an object. */
  get metadata(): CallMetadata {
    return metadataOf(this.head.fields);
  }

  /** True once the client was asked to open no more calls on the connection. Open calls continue. */
  get isRetiring(): boolean {
    return this.session.isRetiring;
  }

  /**
   * True if the client ended an aborted call: by a reset, or by closing the connection. False if the connection broke,
   * or this server closed it. Has a meaning only once the call was aborted.
   */
  get endedByClient(): boolean {
    return this.session.endedByClient;
  }

  /**
   * Calls back once all that the connection has read is processed, and before it is answered: a reset of the call may
   * be part of it. Returns false if nothing is being read.
   */
  afterRead(callback: () => void): boolean {
    return this.session.afterRead(callback);
  }
}
