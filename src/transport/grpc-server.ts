import type { Socket } from 'node:net';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { SharedFields } from '../http2/hpack/shared-fields.ts';
import { defaultConnectionLimits } from '../http2/limits.ts';
import type { ConnectionLimits } from '../http2/limits.ts';
import { OutputPool } from '../http2/output-pool.ts';
import type { RequestHead } from '../http2/request-head.ts';
import type { ServerStream, StreamHandler } from '../http2/stream.ts';
import { probeConnections } from '../net/probe-connections.ts';
import type { ConnectionProber, ProbeTimes } from '../net/probe-connections.ts';
import { timerMs } from '../xds/timers/timers.ts';
import { bindServer } from './bind-server.ts';
import type { Binding, ServerTls } from './bind-server.ts';
import { defaultTimes, sweepEvery } from './connection-times.ts';
import type { ConnectionTimes } from './connection-times.ts';
import { GrpcCall } from './grpc-call.ts';
import { GrpcConnection } from './grpc-connection.ts';
import type { ConnectionParts, FailedConnection } from './grpc-connection.ts';
import { MessageBuffers } from './message-buffers.ts';
import { createBudget } from './message-reader.ts';
import { MethodTable } from './method-table.ts';
import { Sweep } from './sweep.ts';
import type { AcceptorMaterial } from './tls-acceptor.ts';
import type { UnaryHandler } from './unary-call.ts';

/** The options of a server. All have a default. Sizes are bytes, times are ms. */
export interface GrpcServerOptions {
  /** Limits of HTTP/2 for each connection. Default: `defaultConnectionLimits`. */
  readonly limits?: Partial<ConnectionLimits> | undefined;
  /** Maximum length of a message. Default: 4 MiB. */
  readonly maxReceiveBytes?: number | undefined;
  /** Memory for incomplete messages: of one connection, and of all. Default: 16 MiB and 256 MiB. */
  readonly unfinishedBytes?: { readonly connection: number; readonly all: number } | undefined;
  /** Memory for output that clients have not taken. Above it, those that hold the most are closed. Default: 256 MiB. */
  readonly unsentBytes?: number | undefined;
  /** Time limits of each connection. Default: `defaultTimes`. */
  readonly times?: Partial<ConnectionTimes> | undefined;
  /** The times of keepalive pings. Default: no pings. */
  readonly keepAlive?: ProbeTimes | undefined;
  /**
   * Called with the bytes of a buffer that connections share, after their last use. Tests overwrite them: bytes that
   * are used any later would show one client the data of another.
   */
  readonly afterBufferUse?: ((bytes: Buffer) => void) | undefined;
}

/** Receives all calls before they are served. */
export interface ServerGuard {
  /** A call has arrived. Call its `serve`, which passes it to its method, or end it yourself (`refuse`). */
  enter(connection: GrpcConnection, call: GrpcCall): void;
  /** The connection is closed because of its client. */
  failed(connection: GrpcConnection, reason: FailedConnection): void;
}

const mebibyte = 1024 * 1024;

/**
 * A gRPC server. It has the methods of `Server` in `@grpc/grpc-js` that services need. It listens itself, or serves
 * sockets that the caller accepts. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export class GrpcServer {
  readonly #parts: ConnectionParts;
  readonly #methods = new MethodTable();
  readonly #connections = new Set<GrpcConnection>();
  readonly #sweep = new Sweep<GrpcConnection>();
  readonly #bindings: Binding[] = [];
  /** The TLS files of the last update. */
  #tlsUpdate: AcceptorMaterial | undefined;
  readonly #sweeper: NodeJS.Timeout;
  readonly #prober: ConnectionProber | undefined;
  #guard: ServerGuard | undefined;
  /** Called once there is no connection, after `tryShutdown`. */
  #whenEmpty: (() => void)[] = [];
  #closed = false;

  constructor(options: GrpcServerOptions = {}) {
    const times = { ...defaultTimes, ...options.times };
    this.#parts = {
      shared: {
        pool: new OutputPool(
          (work) => process.nextTick(work),
          options.afterBufferUse,
          options.unsentBytes ?? 256 * mebibyte,
        ),
        fields: new SharedFields(),
        limits: { ...defaultConnectionLimits, ...options.limits },
        time: { now: 0 },
      },
      times,
      maxReceiveBytes: options.maxReceiveBytes ?? 4 * mebibyte,
      connectionBytes: options.unfinishedBytes?.connection ?? 16 * mebibyte,
      allBytes: createBudget(options.unfinishedBytes?.all ?? 256 * mebibyte),
      buffers: new MessageBuffers(options.afterBufferUse),
      request: (connection, stream, head) => this.#request(connection, stream, head),
      serve: (call) => this.#methods.serve(call),
      failed: (connection, reason) => this.#guard?.failed(connection, reason),
      closing: (connection) => this.#sweep.hurry(connection),
    };
    this.#prober = options.keepAlive && probeConnections(options.keepAlive);
    // After the sockets have been read: what arrived while the event loop was busy is not late.
    const check = (): void => void setImmediate(() => this.#sweep.check(performance.now()));
    this.#sweeper = setInterval(check, timerMs(sweepEvery(times)));
    this.#sweeper.unref();
  }

  /** Number of open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Adds the methods of a service.
   * @throws {Error} if a method of the definition has no handler, or was added before.
   */
  addService(service: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.#methods.addService(service, implementation);
  }

  /**
   * Adds a streaming method whose handler gets the call, with messages as bytes. `path` is `/package.Service/Method`.
   * @throws {Error} if the path has a method already.
   */
  addStream(path: string, handler: (call: GrpcCall) => void): void {
    this.#methods.add(path, { kind: 'stream', handler });
  }

  /**
   * Adds a method with one request and one response, as bytes. `path` is `/package.Service/Method`.
   * @throws {Error} if the path has a method already.
   */
  addUnary(path: string, handler: UnaryHandler): void {
    this.#methods.add(path, { kind: 'unary', handler });
  }

  /** Returns whether the method at a path takes a stream of requests; `undefined` if there is no such method. */
  methodAt(path: string): { readonly requestStream: boolean } | undefined {
    return this.#methods.describe(path);
  }

  /**
   * Writes the output that calls have queued since the last read, of connections with one call. All other output is
   * written at the end of the tick.
   */
  flush(): void {
    this.#parts.shared.pool.flushSingle();
  }

  /** Passes all calls to a guard first. It replaces an earlier one. */
  guardWith(guard: ServerGuard): void {
    this.#guard = guard;
  }

  /**
   * Listens at `HOST:PORT` (port 0 for any free one) or `unix:PATH`, without TLS if `tls` is undefined. Calls back with
   * the port, or with an error if the address is invalid or in use, or the TLS files cannot be used.
   */
  bindAsync(
    address: string,
    tls: ServerTls | undefined,
    callback: (error: Error | null, port: number) => void,
  ): void {
    this.#bind(address, tls).then(
      ({ port }) => callback(null, port),
      (error: unknown) => callback(error as Error, 0),
    );
  }

  async #bind(address: string, tls: ServerTls | undefined): Promise<Binding> {
    const before = this.#tlsUpdate;
    const binding = await bindServer(address, tls, (socket) => this.attach(socket));
    try {
      if (this.#closed) throw new Error('the server was shut down');
      if (this.#tlsUpdate !== undefined && this.#tlsUpdate !== before) binding.updateTls(this.#tlsUpdate);
    } catch (error) {
      binding.stop();
      throw error;
    }
    this.#bindings.push(binding);
    return binding;
  }

  /** Uses other TLS files for new connections to all addresses with TLS, also to those that are being bound. */
  updateTls(material: AcceptorMaterial): void {
    for (const binding of this.#bindings) binding.updateTls(material);
    this.#tlsUpdate = material;
  }

  /** Serves a connection whose TLS handshake is done, or that has no TLS. After a shutdown, it is destroyed. */
  attach(socket: Socket): void {
    // A socket that broke meanwhile emits no further event: its connection would be kept.
    if (this.#closed || socket.destroyed) {
      socket.destroy();
      return;
    }
    const connection = new GrpcConnection(socket, this.#parts);
    this.#connections.add(connection);
    this.#sweep.add(connection);
    this.#prober?.watch(connection);
    connection.whenGone(() => {
      this.#connections.delete(connection);
      this.#sweep.delete(connection);
      if (this.#connections.size === 0) this.#emptied();
    });
  }

  /**
   * Accepts no new connections and streams, and asks clients to leave (GOAWAY). Calls back once all connections are
   * closed, which can take as long as their streams: `forceShutdown` ends them.
   */
  tryShutdown(callback: () => void): void {
    this.#close();
    this.#whenEmpty.push(callback);
    for (const connection of this.#connections) connection.retire();
    if (this.#connections.size === 0) this.#emptied();
  }

  /** Ends all connections at once. */
  forceShutdown(): void {
    this.#close();
    this.#stopTimers();
    for (const connection of this.#connections) {
      connection.close();
      connection.destroy();
    }
  }

  #close(): void {
    this.#closed = true;
    for (const binding of this.#bindings) binding.stop();
  }

  #emptied(): void {
    const callbacks = this.#whenEmpty;
    if (callbacks.length === 0) return;
    this.#whenEmpty = [];
    this.#stopTimers();
    for (const callback of callbacks) callback();
  }

  #stopTimers(): void {
    clearInterval(this.#sweeper);
    this.#prober?.stop();
  }

  #request(connection: GrpcConnection, stream: ServerStream, head: RequestHead): StreamHandler {
    const call = new GrpcCall(stream, head, connection);
    // Before the call is served: the guard or a handler may close the connection within it.
    stream.handler = call;
    if (this.#guard === undefined) this.#methods.serve(call);
    else this.#guard.enter(connection, call);
    return call;
  }
}
