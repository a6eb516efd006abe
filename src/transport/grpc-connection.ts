import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ConnectionHandler, ConnectionShared, ServerConnection } from '../http2/connection.ts';
import { errorCode } from '../http2/frame.ts';
import type { ErrorCode } from '../http2/frame.ts';
import type { RequestHead } from '../http2/request-head.ts';
import type { ServerStream, StreamHandler } from '../http2/stream.ts';
import { attachSocket } from './attach-socket.ts';
import { ClientSocket } from './client-socket.ts';
import { ageOf } from './connection-times.ts';
import type { ConnectionTimes } from './connection-times.ts';
import type { GrpcCall } from './grpc-call.ts';
import type { MessageBuffers } from './message-buffers.ts';
import { createBudget } from './message-reader.ts';
import type { ReadBudget } from './message-reader.ts';
import { ResponseBlocks } from './response-blocks.ts';
import type { WireFollower } from './socket-wire.ts';
import { sweepCalls } from './sweep-calls.ts';
import type { Swept } from './sweep.ts';

/** The settings and resources that the connections of a server share. */
export interface ConnectionParts {
  readonly shared: ConnectionShared;
  readonly times: ConnectionTimes;
  /** Maximum length of a message that is read, in bytes. */
  readonly maxReceiveBytes: number;
  /** Memory for the incomplete messages of one connection, in bytes. */
  readonly connectionBytes: number;
  /** Memory for the incomplete messages of all connections. */
  readonly allBytes: ReadBudget;
  readonly buffers: MessageBuffers;
  request(connection: GrpcConnection, stream: ServerStream, head: RequestHead): StreamHandler | undefined;
  /** Passes a call to its method. */
  serve(call: GrpcCall): void;
  /** The connection is closed because of its client: it violated the protocol, or did not take its output. */
  failed(connection: GrpcConnection, reason: FailedConnection): void;
  /** The socket has to close soon. */
  closing(connection: GrpcConnection): void;
}

/** Why a connection was closed: an error of HTTP/2, or too much output that its client has not taken. */
export type FailedConnection = 'http2-error' | 'response-bytes';

/** Time that a client has to read the GOAWAY after it violated the protocol or a limit, in ms. */
const goAwayTimeMs = 1000;
/** Payloads of the PINGs that the server sends. */
const pings = { probe: 1, retire: 2 } as const;

/** A connection of a gRPC server: its time limits, its age and its shutdown. */
export class GrpcConnection extends ClientSocket implements ConnectionHandler, WireFollower, Swept {
  readonly #parts: ConnectionParts;
  readonly #http2: ServerConnection;
  readonly blocks: ResponseBlocks;
  readonly budget: ReadBudget;
  readonly #openedAt = performance.now();
  readonly #retireAt: number;
  #phase: 'open' | 'warned' | 'retired' = 'open';
  /** Time at which a client that was warned counts as one that has seen it. */
  #warnedUntil = Number.POSITIVE_INFINITY;
  /** Time at which the socket is destroyed, after the connection was closed. */
  #destroyAt = Number.POSITIVE_INFINITY;
  /** True if the client has closed its side of the socket. */
  #finReceived = false;
  #probed: ((isAlive: boolean) => void) | undefined;
  #stalled: { readonly since: number; readonly written: number } | undefined;
  /** False if the last check found no time limit but the age, and none was set since. A check then ends at once. */
  #hasTimeLimits = true;

  constructor(socket: Socket, parts: ConnectionParts) {
    super(socket);
    this.#parts = parts;
    this.budget = createBudget(parts.connectionBytes, parts.allBytes);
    this.#retireAt = this.#openedAt + ageOf(parts.times);
    this.#http2 = attachSocket(socket, parts.shared, this);
    socket.on('end', () => this.#clientLeft());
    socket.on('close', () => this.#closed());
    this.blocks = new ResponseBlocks(this.#http2);
  }

  get maxReceiveBytes(): number {
    return this.#parts.maxReceiveBytes;
  }

  get buffers(): MessageBuffers {
    return this.#parts.buffers;
  }

  get isGone(): boolean {
    return this.socket.destroyed || this.#http2.isClosed;
  }

  /** True once the client was asked to open no more streams, by GOAWAY. */
  get isRetiring(): boolean {
    return this.#phase !== 'open';
  }

  /** True if the client ended an aborted stream: by a reset, or by closing the connection. */
  get endedByClient(): boolean {
    return this.#finReceived || !this.isGone;
  }

  /** Calls back once all that has arrived is processed, before it is answered. Returns false outside of a read. */
  afterRead(callback: () => void): boolean {
    return this.#http2.afterRead(callback);
  }

  /**
   * Asks the client to leave: sends GOAWAY and, once the client has seen it or `warningMs` later, a second one that
   * names the last stream that is served. The connection closes when its last stream has ended and its output was sent.
   */
  retire(): void {
    if (this.#phase !== 'open' || this.isGone) return;
    this.#phase = 'warned';
    // Before the preface of the client, the server may send nothing but SETTINGS.
    if (!this.#http2.begun) return this.destroy();
    this.#http2.retire(false);
    this.#http2.ping(pings.retire);
    this.#warnedUntil = performance.now() + this.#parts.times.warningMs;
    this.#hasTimeLimits = true;
  }

  /** Sends GOAWAY, and ends all streams and the connection. */
  close(): void {
    if (this.#http2.isClosed) return;
    this.#http2.close();
    this.#destroyIn(this.#parts.times.lingerMs);
  }

  closeForExcess(): void {
    if (this.isGone) return;
    this.#http2.close(errorCode.enhanceYourCalm);
    this.#readNoMore();
  }

  /** Destroys the connection if it has no open stream. */
  breakIfIdle(): void {
    if (this.#http2.streamCount === 0) this.destroy();
  }

  /**
   * True if a PING would wait behind other output, which `stallMs` limits, or if none may be sent yet: before the
   * client's SETTINGS, which `prefaceMs` limits.
   */
  get isBlocked(): boolean {
    return this.#http2.output.unsent > 0 || !this.#http2.begun;
  }

  /** Sends PING. */
  ping(answered: (isAlive: boolean) => void): boolean {
    if (this.isGone) return false;
    this.#probed = answered;
    this.#http2.ping(pings.probe);
    return true;
  }

  /** True until the client has begun, and from when the socket has to close. */
  get isUrgent(): boolean {
    return !this.#http2.begun || this.#destroyAt < Number.POSITIVE_INFINITY;
  }

  /** A call has a time limit from now on. */
  callTimed(): void {
    this.#hasTimeLimits = true;
  }

  /** Ends what has exceeded a time limit. Must be called periodically. */
  sweep(now: number): void {
    if (!this.#hasTimeLimits && now <= this.#retireAt) return;
    const { prefaceMs, graceMs } = this.#parts.times;
    if (now > this.#destroyAt) this.destroy();
    else if (this.#http2.isClosed) return;
    else if (!this.#http2.begun) {
      if (now - this.#openedAt > prefaceMs) this.destroy();
    } else if (now > this.#retireAt + graceMs) this.close();
    else {
      if (now > this.#retireAt) this.retire();
      if (now > this.#warnedUntil) this.#retireFinally();
      const hasTimedCalls = sweepCalls(this.#http2.requests.streams.all(), this.#parts.times, now);
      const hasOutput = this.#sweepOutput(now);
      this.#hasTimeLimits = hasTimedCalls || hasOutput || this.isUrgent || this.#phase === 'warned';
    }
  }

  /** Passes a call to its method. */
  serve(call: GrpcCall): void {
    this.#parts.serve(call);
  }

  // Called by the HTTP/2 connection and the wire

  request(stream: ServerStream, head: RequestHead): StreamHandler | undefined {
    return this.#parts.request(this, stream, head);
  }

  failed(code: ErrorCode, reason: string): void {
    this.#readNoMore();
    // An error of this program, which nothing else would report.
    if (code === errorCode.internalError)
      process.emitWarning(`the connection of ${this.peer} was closed because of an error: ${reason}`);
    this.#parts.failed(this, 'http2-error');
  }

  outputExceeded(): void {
    if (this.socket.destroyed) return;
    this.#parts.failed(this, 'response-bytes');
    // At once, without GOAWAY, which would wait with the output.
    this.destroy();
  }

  idle(): void {
    if (this.#phase !== 'retired') return;
    // Not at once: the last stream has yet to write its last frame.
    setImmediate(() => this.#closeIfDone());
  }

  pong(payload: number): void {
    if (payload === pings.probe) {
      const answered = this.#probed;
      this.#probed = undefined;
      answered?.(true);
    } else if (payload === pings.retire) this.#retireFinally();
  }

  #retireFinally(): void {
    if (this.#phase !== 'warned') return;
    this.#phase = 'retired';
    this.#http2.retire(true);
    if (this.#http2.streamCount === 0) this.idle();
  }

  outputWaits(): void {
    this.#hasTimeLimits = true;
  }

  outputTaken(): void {
    this.#http2.output.drained();
    if (this.socket.isPaused() && !this.#http2.isClosed) this.socket.resume();
    this.#closeIfDone();
  }

  /** Closes a retired connection once its client has taken the last responses, which `stallMs` limits. */
  #closeIfDone(): void {
    const isDone = this.#http2.streamCount === 0 && this.#http2.output.unsent === 0;
    if (this.#phase === 'retired' && isDone) this.close();
  }

  #closed(): void {
    this.#http2.gone();
    this.#http2.output.account.close();
    this.reportGone();
  }

  /** Stops reading, so that the client causes no more work, and leaves it time to read the GOAWAY. */
  #readNoMore(): void {
    this.socket.pause();
    this.#destroyIn(goAwayTimeMs);
  }

  #destroyIn(ms: number): void {
    this.#destroyAt = performance.now() + ms;
    this.#hasTimeLimits = true;
    this.#parts.closing(this);
  }

  /** Longer if little waits: the owner of a stream that waits gives up on it first, and knows why. */
  get #stallLimitMs(): number {
    const { stallMs } = this.#parts.times;
    return this.socket.isPaused() ? stallMs : 2 * stallMs;
  }

  /** The client has closed its side. Its calls end, and the socket closes once the output is sent. */
  #clientLeft(): void {
    this.#finReceived = true;
    this.#http2.output.flush();
    if (this.#http2.output.unsent > 0) return this.close();
    // TLS answers the client's close_notify.
    if (!(this.socket instanceof TLSSocket)) return this.destroy();
    this.#http2.gone();
    this.#destroyIn(this.#parts.times.lingerMs);
    this.socket.end();
  }

  /** Returns whether output waits. */
  #sweepOutput(now: number): boolean {
    if (this.#http2.output.unsent === 0) {
      this.#stalled = undefined;
      return false;
    }
    const written = this.socket.bytesWritten - this.socket.writableLength;
    if (this.#stalled?.written !== written) this.#stalled = { since: now, written };
    else if (now - this.#stalled.since > this.#stallLimitMs) this.destroy();
    return true;
  }
}
