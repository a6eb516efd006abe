/** A connection with a small application and a kernel that accepts bytes late, and a record of all that happens. */
import assert from 'node:assert/strict';
import { ServerConnection } from '../../../src/http2/connection.ts';
import type { ConnectionShared } from '../../../src/http2/connection.ts';
import { errorCode } from '../../../src/http2/frame.ts';
import { SharedFields } from '../../../src/http2/hpack/shared-fields.ts';
import { defaultConnectionLimits } from '../../../src/http2/limits.ts';
import { OutputPool } from '../../../src/http2/output-pool.ts';
import { SharedData } from '../../../src/http2/shared-data.ts';
import type { ServerStream, StreamHandler } from '../../../src/http2/stream.ts';
import { ResponseBlocks } from '../../../src/transport/response-blocks.ts';

/** Bytes of the response to `/large`. */
export const largeLength = 400_000;
const large = new SharedData([Buffer.alloc(largeLength / 2, 'l')]);
const ok = { code: 0, message: '' };

/** The parts that several connections share, as those of a server do. */
export interface SharedServer {
  readonly shared: ConnectionShared;
  /** Runs the work that was deferred to the end of the tick. */
  tick(): void;
}

export function makeSharedServer(): SharedServer {
  const deferred: (() => void)[] = [];
  return {
    shared: {
      pool: new OutputPool((work) => void deferred.push(work)),
      fields: new SharedFields(),
      limits: defaultConnectionLimits,
      time: { now: 0 },
    },
    tick() {
      for (const work of deferred.splice(0)) work();
    },
  };
}

export interface RecordedServer {
  readonly connection: ServerConnection;
  /** Events of the application by stream. Parts of a body are joined. */
  readonly events: Map<number, string[]>;
  /** Code and reason with which the connection failed. */
  readonly failure: () => { readonly code: number; readonly reason: string } | undefined;
  /** Passes bytes in a buffer that is overwritten after the call. */
  receive(bytes: Uint8Array): void;
  /** Lets the kernel accept all written bytes. */
  drain(): void;
  /** Returns all bytes that the kernel has accepted. */
  output(): Buffer;
}

/** `isLate` is true if the kernel accepts bytes only at `drain`, and reads them from their buffer only then. */
export function makeRecordedServer({ shared }: SharedServer, isLate: () => boolean): RecordedServer {
  const events = new Map<number, string[]>();
  const accepted: Buffer[] = [];
  let held: Buffer[] = [];
  let failure: { readonly code: number; readonly reason: string } | undefined;
  const wire = {
    write(bytes: Buffer) {
      if (held.length > 0 || isLate()) held.push(bytes);
      else accepted.push(Buffer.from(bytes));
    },
    get unsent() {
      return held.reduce((sum, { length }) => sum + length, 0);
    },
    end: () => undefined,
  };
  const record = (id: number, event: string): void => {
    const list = events.get(id) ?? [];
    events.set(id, list);
    assert.ok(!list.includes('aborted'), `${event} after the end of stream ${id}`);
    list.push(event);
  };
  const recordData = (id: number, text: string): void => {
    const list = events.get(id) ?? [];
    if (list.at(-1)?.startsWith('data ') === true) list.push(`${list.pop()}${text}`);
    else record(id, `data ${text}`);
  };
  const connection: ServerConnection = new ServerConnection(shared, wire, {
    request(stream, { path }) {
      record(stream.id, `request ${path}`);
      const actions = serve(path, stream, blocks);
      return {
        data(source, from, to) {
          recordData(stream.id, source.toString('latin1', from, to));
          actions.data?.(source, from, to);
        },
        ended() {
          record(stream.id, 'ended');
          actions.ended?.();
        },
        aborted: () => record(stream.id, 'aborted'),
      };
    },
    failed(code, reason) {
      failure = { code, reason };
    },
  });
  const blocks = new ResponseBlocks(connection);
  return {
    connection,
    events,
    failure: () => failure,
    receive(bytes) {
      const source = Buffer.from(bytes);
      connection.receive(source, 0, source.length, 0);
      source.fill(0xee);
    },
    drain() {
      accepted.push(...held.map((bytes) => Buffer.from(bytes)));
      held = [];
      connection.output.drained();
    },
    output: () => Buffer.concat(accepted),
  };
}

/** Does with a request what its path says. */
function serve(path: string, stream: ServerStream, blocks: ResponseBlocks): Partial<StreamHandler> {
  const respond = (): void => stream.respond(() => blocks.headers());
  const end = (): void => stream.end(() => blocks.trailers(ok));
  switch (path) {
    case '/echo': {
      const parts: Buffer[] = [];
      respond();
      return {
        data: (source, from, to) => void parts.push(Buffer.from(source.subarray(from, to))),
        ended() {
          stream.send(new SharedData(parts));
          end();
        },
      };
    }
    case '/large':
      respond();
      stream.send(large);
      stream.send(large);
      end();
      return {};
    case '/refuse':
      stream.end(() => blocks.trailersOnly({ code: 12, message: 'refused' }));
      return {};
    case '/reset':
      stream.reset(errorCode.cancel);
      return {};
    case '/hold':
      stream.pauseReading();
      return {
        ended() {
          stream.resumeReading();
          respond();
          end();
        },
      };
    default:
      return {
        ended() {
          respond();
          stream.send(new SharedData([Buffer.from('late')]));
          end();
        },
      };
  }
}
