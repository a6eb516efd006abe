import type { DecideAccess } from '../access/claim.ts';
import { statusOfRefusal } from '../access/claim.ts';
import { longestName } from '../access/decide-access.ts';
import type { LogRefusal, LogMessage } from '../access-log/read-message.ts';
import { readLogMessage } from '../access-log/read-message.ts';
import type { LogSender } from '../access-log/sightings.ts';
import type { HandshakeFailure } from '../net/handshake-failure.ts';
import type { Logger } from '../observe/log/log.ts';
import type { ProxyOptions } from '../runtime/serve-options.ts';
import { grpcStatus } from '../transport/index.ts';
import type { GrpcCall } from '../transport/index.ts';
import { createTokenBucket } from '../xds/rate/token-bucket.ts';
import type { Rate, TokenBucket } from '../xds/rate/token-bucket.ts';
import { timerMs } from '../xds/timers/timers.ts';
import { createByteRate } from './byte-rate.ts';
import type { ByteRate } from './byte-rate.ts';
import { claimOfCall } from './client-claim.ts';
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

export interface AccessLogEndpointOptions {
  /** `HOST:PORT` or `unix:PATH`. */
  readonly listen: string;
  readonly options: ProxyOptions;
  readonly log: Logger;
  /** Decides about each client, as on the xDS port. `undefined`: every client may send. */
  readonly decide: DecideAccess | undefined;
  readonly limits?: AccessLogLimits | undefined;
  /** Called for clients that TLS rejected. */
  readonly authFailed: (failure: HandshakeFailure) => void;
  /** A message of a node has arrived. */
  readonly received: (sender: LogSender, message: LogMessage) => void;
  /** Entries may be missing: of a mesh, or of an unknown one. */
  readonly lost: (mesh: string | undefined) => void;
  /** A stream was refused or ended. `message` is a sentence without anything that the client sent. */
  readonly refused: (reason: LogRefusal, address: string, message: string) => void;
  /** A monotonic clock, in ms. */
  readonly now: () => number;
}

/** The listener for access logs. */
export interface AccessLogEndpoint {
  readonly address: string;
  readonly streams: () => number;
  close(): Promise<void>;
}

const path = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';
/** An empty `StreamAccessLogsResponse` with the header of a gRPC message. */
const emptyResponse = { framed: new Uint8Array(5) };

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

/** A stream with the access log of one Envoy. */
class LogStream {
  readonly #call: GrpcCall;
  readonly #input: AccessLogEndpointOptions;
  readonly #rates: readonly ByteRate[];
  readonly #ended: () => void;
  /** The node that the first message names. */
  #claimed: LogSender | undefined;
  /** The same; `undefined` until the client is admitted. */
  #sender: LogSender | undefined;
  /** Messages that wait for the decision about the client. */
  #waiting: LogMessage[] | undefined;
  /** True if entries may be missing, should the client be admitted. */
  #isSlowed = false;
  /** True if the client has ended its side while it waits for the decision. */
  #isComplete = false;
  #admission: NodeJS.Timeout | undefined;
  #pause: NodeJS.Timeout | undefined;

  constructor(
    call: GrpcCall,
    input: AccessLogEndpointOptions,
    rates: readonly ByteRate[],
    ended: () => void,
  ) {
    this.#call = call;
    this.#input = input;
    this.#rates = rates;
    this.#ended = ended;
  }

  start(): void {
    const timeout = (): void =>
      this.#refuse(
        'no-identifier',
        grpcStatus.DEADLINE_EXCEEDED,
        'no message came, or no decision about the client',
        this.#claimed !== undefined,
      );
    this.#admission = setTimeout(timeout, timerMs(this.#input.options.requestTimeout));
    this.#call.whenGone(this);
    this.#call.handleWith(this);
  }

  gone(): void {
    clearTimeout(this.#pause);
    // An Envoy may end while the decision takes its time. The decision still says whether its entries count, and until
    // then the stream is one of the limited number: clients that leave at once must not fill the memory.
    if (this.#waiting === undefined) this.#forget();
  }

  #forget(): void {
    clearTimeout(this.#admission);
    this.#waiting = undefined;
    this.#ended();
  }

  /** Ends the stream, because the server ends. */
  end(): void {
    if (this.#call.isOver) return this.#forget();
    this.#waiting = undefined;
    this.#call.end({ code: grpcStatus.UNAVAILABLE, message: 'the server is shutting down' });
  }

  message(bytes: Buffer): void {
    const message = readLogMessage(bytes);
    if (message === undefined)
      return this.#refuse('malformed', grpcStatus.INVALID_ARGUMENT, 'the message cannot be decoded');
    if (this.#sender !== undefined) this.#input.received(this.#sender, message);
    else if (this.#waiting !== undefined) this.#waiting.push(message);
    else this.#identify(message);
    this.#slowDown(bytes.length);
  }

  unreadable(code: 'RESOURCE_EXHAUSTED' | 'INTERNAL', text: string): void {
    const reason = code === 'RESOURCE_EXHAUSTED' ? 'too-long' : 'malformed';
    this.#refuse(reason, grpcStatus[code], text);
  }

  halfClosed(): void {
    this.#isComplete = true;
    // The messages count once the client is admitted.
    if (this.#waiting !== undefined) return;
    this.#call.send(emptyResponse);
    this.#call.end({ code: grpcStatus.OK, message: '' });
  }

  aborted(): void {
    // The connection broke, or the server closed it: bytes on the way are lost. An Envoy that ends closes it itself.
    if (this.#sender !== undefined && !this.#call.endedByClient) this.#input.lost(this.#sender.mesh);
  }

  /** Asks whether the client may send, with the node of its first message. */
  #identify(message: LogMessage): void {
    const { node } = message;
    if (node === undefined)
      return this.#refuse(
        'no-identifier',
        grpcStatus.INVALID_ARGUMENT,
        'the first message has no identifier',
      );
    const { decide, options } = this.#input;
    const sender = { id: node.id, mesh: node.mesh ?? options.defaultMesh };
    // The stream keeps both, and may last for days.
    if (sender.id.length > longestName || sender.mesh.length > longestName)
      return this.#refuse('malformed', grpcStatus.INVALID_ARGUMENT, 'the node id or the mesh is too long');
    this.#claimed = sender;
    if (decide === undefined) return this.#admit(sender, [message]);
    let decision: ReturnType<DecideAccess>;
    try {
      decision = decide(claimOfCall(this.#call, sender.id, sender.mesh));
    } catch {
      return this.#undecided();
    }
    const settle = (settled: Awaited<typeof decision>): void => {
      if (settled.kind === 'allowed') this.#admit(sender, this.#waiting ?? [message]);
      else {
        const code = statusOfRefusal[settled.reason];
        this.#refuse('denied', grpcStatus[code], settled.message, code === 'UNAVAILABLE');
      }
    };
    if (!(decision instanceof Promise)) return settle(decision);
    this.#waiting = [message];
    this.#call.pauseReading();
    decision.then(
      (settled) => {
        if (this.#waiting !== undefined) settle(settled);
      },
      () => this.#undecided(),
    );
  }

  /** An error about one client must not end the server, and admits no client. */
  #undecided(): void {
    this.#refuse('denied', grpcStatus.INTERNAL, 'the client cannot be judged', true);
  }

  #admit(sender: LogSender, messages: readonly LogMessage[]): void {
    clearTimeout(this.#admission);
    this.#sender = sender;
    for (const message of messages) this.#input.received(sender, message);
    const hasLeft = this.#call.isOver;
    // While the client waited, the server did not read further messages.
    if (this.#isSlowed || (hasLeft && !this.#isComplete)) this.#input.lost(sender.mesh);
    if (this.#waiting === undefined) return;
    this.#waiting = undefined;
    if (hasLeft) return this.#forget();
    if (this.#isComplete) this.halfClosed();
    else if (this.#pause === undefined) this.#call.resumeReading();
  }

  /** Reads nothing for as long as the bytes exceed a rate. Envoy drops entries meanwhile. */
  #slowDown(bytes: number): void {
    const now = this.#input.now();
    const ms = Math.max(...this.#rates.map((rate) => rate.spend(bytes, now)));
    if (ms === 0 || this.#pause !== undefined || this.#call.isOver) return;
    if (this.#sender === undefined) this.#isSlowed = true;
    else this.#input.lost(this.#sender.mesh);
    this.#call.pauseReading();
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (this.#waiting === undefined) this.#call.resumeReading();
    }, timerMs(ms));
  }

  /** `isUndecided`: it is not known whether the client may send, so the entries of an honest one may be missing. */
  #refuse(reason: LogRefusal, code: number, message: string, isUndecided = false): void {
    const hasLeft = this.#call.isOver;
    // A client that has left is refused only if it still waits for the decision.
    if (hasLeft && this.#waiting === undefined) return;
    this.#input.refused(reason, this.#call.address, message);
    // A client that was refused may have nothing to say.
    if (this.#sender !== undefined || isUndecided) this.#input.lost(this.#claimed?.mesh);
    else if (reason === 'too-long') this.#input.lost(undefined);
    this.#waiting = undefined;
    if (hasLeft) this.#forget();
    else this.#call.end({ code, message });
  }
}
