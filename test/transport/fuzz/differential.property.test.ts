import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { after, before, suite, test } from 'node:test';
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type {
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';
import * as fc from '../../kit/fast-check.ts';
import { echo, framed, openCall, startRig } from '../rig.ts';
import type { Rig } from '../rig.ts';

/** Metadata that handlers send back, before the first message and behind the last. */
function echoed(metadata: Metadata): Metadata {
  const back = new Metadata();
  for (const key of ['x-echo', 'x-echo-bin']) for (const value of metadata.get(key)) back.add(key, value);
  return back;
}

const handlers = {
  unary(call: ServerUnaryCall<string, string>, respond: sendUnaryData<string>) {
    if (call.request.startsWith('e'))
      return respond({
        code: status.ABORTED,
        details: ` not ${call.request.slice(0, 9)} é%`,
        metadata: echoed(call.metadata),
      });
    call.sendMetadata(echoed(call.metadata));
    respond(null, call.request.toUpperCase(), echoed(call.metadata));
  },
  collect(call: ServerReadableStream<string, string>, respond: sendUnaryData<string>) {
    const parts: string[] = [];
    call.on('data', (part: string) => void parts.push(part));
    call.on('end', () => respond(null, parts.join()));
  },
  repeat(call: ServerWritableStream<string, string>) {
    for (let count = 0; count < 3; count += 1) call.write(call.request);
    call.end(echoed(call.metadata));
  },
  chat(call: ServerDuplexStream<string, string>) {
    call.on('data', (part: string) => void call.write(part));
    call.on('end', () => call.end(echoed(call.metadata)));
  },
};

interface RandomCall {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly messages: readonly string[];
  readonly partLength: number;
}

/** No empty messages: grpc-js does not see one whose header arrives in parts. The interop tests have one. */
const message = fc.oneof(
  fc.constantFrom('a', 'error', 'é'),
  fc.integer({ min: 1, max: 70_000 }).map((length) => 'm'.repeat(length)),
);

const randomCall: fc.Arbitrary<RandomCall> = fc.record({
  path: fc.constantFrom(
    ...Object.values(echo).map(({ path }) => path),
    '/test.Echo/None',
    '/test.None/Unary',
  ),
  headers: fc.record(
    {
      'content-type': fc.constantFrom(
        'application/grpc',
        'application/grpc+proto',
        'application/json',
        'text/plain',
      ),
      'x-echo': fc.constantFrom('1', 'some text', '~'.repeat(200)),
      'x-echo-bin': fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString('base64')),
      'grpc-timeout': fc.constantFrom('10S', '100000m', '99999999u', '1H'),
      'user-agent': fc.constantFrom('fuzz/1', 'grpc-go/1.85.0'),
    },
    { requiredKeys: [] },
  ),
  messages: fc.array(message, { maxLength: 3 }),
  partLength: fc.constantFrom(1, 7, 5000, 100_000),
});

/** Does the call, and returns what a client sees of the response. */
async function outcome(session: ClientHttp2Session, call: RandomCall): Promise<unknown> {
  const stream = openCall(session, call.path, call.headers);
  const body = Buffer.concat(call.messages.map((text) => framed(text)));
  const partLength = Math.max(call.partLength, Math.ceil(body.length / 50));
  for (let at = 0; at < body.length; at += partLength) stream.write(body.subarray(at, at + partLength));
  stream.end();
  const parts: Buffer[] = [];
  let headers: IncomingHttpHeaders = {};
  stream.on('response', (received) => (headers = received));
  stream.on('trailers', (received) => (headers = { ...headers, ...received }));
  stream.on('data', (bytes: Buffer) => void parts.push(bytes));
  await once(stream, 'close');
  const code = headers['grpc-status'];
  const data = Buffer.concat(parts);
  return {
    http: headers[':status'],
    code,
    // The messages of errors are the handlers', or each server's own.
    details:
      code === String(status.ABORTED) ? decodeURIComponent(String(headers['grpc-message'])) : undefined,
    text: headers['x-echo'],
    bytes: headers['x-echo-bin'],
    data: code === '0' ? data.toString('base64') : undefined,
  };
}

suite('random calls', () => {
  const peer = new Server();
  let rig: Rig | undefined;
  let peerPort = 0;
  let sessions: readonly [ClientHttp2Session, ClientHttp2Session] | undefined;
  let calls = 0;

  /** Returns a connection to each server. `node:http2` allows a client 1,000 resets, so a few calls share one. */
  function connections(): readonly [ClientHttp2Session, ClientHttp2Session] {
    assert.ok(rig !== undefined);
    if (sessions === undefined || calls % 200 === 0) {
      for (const session of sessions ?? []) session.close();
      sessions = [rig.session(), connect(`http://127.0.0.1:${peerPort}`)];
    }
    calls += 1;
    return sessions;
  }

  before(async () => {
    // Thousands of calls a second, many of which end before their request, or have it in short frames, are a flood.
    const unlimited = { burst: 1e9, perSecond: 1e9 };
    rig = await startRig(handlers, { limits: { resets: unlimited, controlFrames: unlimited } });
    peer.addService(echo, handlers);
    peerPort = await new Promise<number>((resolve, reject) => {
      peer.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  });
  after(() => {
    sessions?.[1].destroy();
    peer.forceShutdown();
    rig?.[Symbol.dispose]();
  });

  test('the same call on the own transport and on grpc-js: the same response', async () => {
    await fc.assert(
      fc.asyncProperty(randomCall, async (call) => {
        const [own, other] = await Promise.all(connections().map((session) => outcome(session, call)));
        assert.deepEqual(own, other);
      }),
      { numRuns: 200 },
    );
  });
});
