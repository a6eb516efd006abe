import type { AccessDecision, DecideAccess, RefusedClient } from '../access/claim.ts';
import { statusOfRefusal } from '../access/claim.ts';
import { longestName } from '../access/decide-access.ts';
import type { LogRefusal, LogMessage } from '../access-log/read-message.ts';
import { readLogMessage } from '../access-log/read-message.ts';
import type { LogSender } from '../access-log/sightings.ts';
import type { ProxyOptions } from '../runtime/serve-options.ts';
import { grpcStatus } from '../transport/index.ts';
import type { GrpcCall } from '../transport/index.ts';
import { after, spread, timerMs } from '../xds/timers/timers.ts';
import type { ByteRate } from './byte-rate.ts';
import { claimOfCall } from './client-claim.ts';

/** The parameters that all streams of access logs share. */
export interface LogStreamParts {
  readonly options: ProxyOptions;
  /** Decides about each client, as on the xDS port. `undefined`: every client may send. */
  readonly decide: DecideAccess | undefined;
  /** A message of a node has arrived. */
  readonly received: (sender: LogSender, message: LogMessage) => void;
  /** Entries may be missing: of a mesh, or of an unknown one. */
  readonly lost: (mesh: string | undefined) => void;
  /** A stream was refused or ended. `message` is a sentence without anything that the client sent. */
  readonly refused: (reason: LogRefusal, address: string, message: string) => void;
  /** A monotonic clock, in ms. */
  readonly now: () => number;
}

/** An empty `StreamAccessLogsResponse` with the header of a gRPC message. */
const emptyResponse = { framed: new Uint8Array(5) };

/** A stream with the access log of one Envoy. */
export class LogStream {
  readonly #call: GrpcCall;
  readonly #parts: LogStreamParts;
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
  #stopAge: (() => void) | undefined;

  constructor(call: GrpcCall, parts: LogStreamParts, rates: readonly ByteRate[], ended: () => void) {
    this.#call = call;
    this.#parts = parts;
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
    this.#admission = setTimeout(timeout, timerMs(this.#parts.options.requestTimeout));
    this.#call.whenGone(this);
    this.#call.handleWith(this);
  }

  gone(): void {
    clearTimeout(this.#pause);
    this.#stopAge?.();
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
    if (this.#sender !== undefined) this.#parts.received(this.#sender, message);
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
    if (this.#sender !== undefined && !this.#call.endedByClient) this.#parts.lost(this.#sender.mesh);
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
    const { decide, options } = this.#parts;
    const sender = { id: node.id, mesh: node.mesh ?? options.defaultMesh };
    // The stream keeps both, and may last for days.
    if (sender.id.length > longestName || sender.mesh.length > longestName)
      return this.#refuse('malformed', grpcStatus.INVALID_ARGUMENT, 'the node id or the mesh is too long');
    this.#claimed = sender;
    if (decide === undefined) return this.#admit(sender, [message]);
    this.#ask(decide, sender, (decision) => {
      // The time for the decision was over.
      if (this.#call.isOver && this.#waiting === undefined) return;
      if (decision === 'failed')
        this.#refuse('denied', grpcStatus.INTERNAL, 'the client cannot be judged', true);
      else if (decision.kind === 'refused') this.#deny(decision);
      else this.#admit(sender, this.#waiting ?? [message]);
    });
    if (this.#sender !== undefined || this.#call.isOver) return;
    this.#waiting = [message];
    this.#call.pauseReading();
  }

  /** Calls back with the decision: at once if `decide` does. An error about one client must not end the server. */
  #ask(
    decide: DecideAccess,
    { id, mesh }: LogSender,
    decided: (decision: AccessDecision | 'failed') => void,
  ): void {
    let decision: ReturnType<DecideAccess>;
    try {
      decision = decide(claimOfCall(this.#call, id, mesh));
    } catch {
      return decided('failed');
    }
    if (decision instanceof Promise) decision.then(decided, () => decided('failed'));
    else decided(decision);
  }

  /** Asks about the client again at the age of the stream. As on the xDS port, only a refusal ends the stream. */
  #askAtAge(sender: LogSender): void {
    const { decide, options } = this.#parts;
    const { xdsMaxStreamAge = 0 } = options;
    if (decide === undefined || xdsMaxStreamAge === 0) return;
    this.#stopAge = after(spread(xdsMaxStreamAge), () => {
      this.#askAtAge(sender);
      this.#ask(decide, sender, (decision) => {
        if (decision === 'failed' || decision.kind === 'allowed') return;
        if (statusOfRefusal[decision.reason] !== 'UNAVAILABLE') this.#deny(decision);
      });
    });
  }

  #admit(sender: LogSender, messages: readonly LogMessage[]): void {
    clearTimeout(this.#admission);
    this.#sender = sender;
    for (const message of messages) this.#parts.received(sender, message);
    const hasLeft = this.#call.isOver;
    // While the client waited, the server did not read further messages.
    if (this.#isSlowed || (hasLeft && !this.#isComplete)) this.#parts.lost(sender.mesh);
    if (!hasLeft) this.#askAtAge(sender);
    if (this.#waiting === undefined) return;
    this.#waiting = undefined;
    if (hasLeft) return this.#forget();
    if (this.#isComplete) this.halfClosed();
    else if (this.#pause === undefined) this.#call.resumeReading();
  }

  /** Reads nothing for as long as the bytes exceed a rate. Envoy drops entries meanwhile. */
  #slowDown(bytes: number): void {
    const now = this.#parts.now();
    const ms = Math.max(...this.#rates.map((rate) => rate.spend(bytes, now)));
    if (ms === 0 || this.#pause !== undefined || this.#call.isOver) return;
    if (this.#sender === undefined) this.#isSlowed = true;
    else this.#parts.lost(this.#sender.mesh);
    this.#call.pauseReading();
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (this.#waiting === undefined) this.#call.resumeReading();
    }, timerMs(ms));
  }

  #deny({ reason, message }: RefusedClient): void {
    const code = statusOfRefusal[reason];
    this.#refuse('denied', grpcStatus[code], message, code === 'UNAVAILABLE');
    // The next stream needs a new connection: the client may have a newer certificate by now.
    if (reason === 'certificate') this.#call.session.retire();
  }

  /** `isUndecided`: it is not known whether the client may send, so the entries of an honest one may be missing. */
  #refuse(reason: LogRefusal, code: number, message: string, isUndecided = false): void {
    const hasLeft = this.#call.isOver;
    // A client that has left is refused only if it still waits for the decision.
    if (hasLeft && this.#waiting === undefined) return;
    this.#parts.refused(reason, this.#call.address, message);
    // A client that was refused may have nothing to say.
    if (this.#sender !== undefined || isUndecided) this.#parts.lost(this.#claimed?.mesh);
    else if (reason === 'too-long') this.#parts.lost(undefined);
    this.#waiting = undefined;
    if (hasLeft) this.#forget();
    else this.#call.end({ code, message });
  }
}
