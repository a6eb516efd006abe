import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { suite, test } from 'node:test';
import type { ServerDuplexStream, ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import type { GrpcCall } from '../../src/transport/grpc-call.ts';
import type { ServerGuard } from '../../src/transport/grpc-server.ts';
import { poll } from '../kit/poll.ts';
import { echo, framed, openCall, startRig } from './rig.ts';

const response = 'x'.repeat(1_000_000);
const handlers = {
  unary: (_: ServerUnaryCall<string, string>, respond: sendUnaryData<string>) => respond(null, response),
  chat(call: ServerDuplexStream<string, string>) {
    call.on('data', () => call.write(response));
    call.on('end', () => call.end());
  },
};

/** Opens a connection whose streams accept `window` bytes. */
async function connectWithWindow(port: number, window: number): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: window } });
  session.on('error', () => undefined);
  await once(session, 'remoteSettings');
  return session;
}

/** Resolves with the code of RST_STREAM. */
async function resetOf(stream: ClientHttp2Stream): Promise<number | undefined> {
  stream.on('error', () => undefined);
  // Not `once`, which rejects at the error that the reset causes.
  await new Promise((resolve) => stream.once('close', resolve));
  return stream.rstCode;
}

suite('response that waits for the window of the client', () => {
  for (const [what, path] of [
    ['unary call, which is over', echo.unary.path],
    ['bidirectional call, which is open', echo.chat.path],
  ] as const)
    test(`${what}: reset after stallMs; other calls of the connection continue`, async () => {
      using rig = await startRig(handlers, { times: { stallMs: 50 } });
      const session = await connectWithWindow(rig.port, 0);
      const stalled = openCall(session, path);
      if (path === echo.unary.path) stalled.end(framed('x'));
      else stalled.write(framed('x'));
      assert.equal(await resetOf(stalled), constants.NGHTTP2_ENHANCE_YOUR_CALM);
      assert.equal(session.closed, false);
      const missing = openCall(session, '/test.Echo/None');
      await once(missing, 'response');
      session.destroy();
    });

  test('unary call that is over: counts as open, with its bytes, until the client has the response', async () => {
    const left: GrpcCall[] = [];
    let entered: GrpcCall | undefined;
    const guard: ServerGuard = {
      enter(_, call) {
        entered = call;
        call.whenGone({ gone: () => left.push(call) });
        call.serve();
      },
      failed: () => undefined,
    };
    using rig = await startRig(handlers);
    rig.server.guardWith(guard);
    const session = await connectWithWindow(rig.port, 0);
    const stream = openCall(session, echo.unary.path);
    stream.end(framed('x'));
    await once(stream, 'response');
    assert.equal(left.length, 0);
    assert.equal(entered?.unsentBytes, response.length + 5);
    session.settings({ initialWindowSize: 2 ** 24 });
    session.setLocalWindowSize(2 ** 24);
    stream.resume();
    await once(stream, 'end');
    await poll('the end of the call', () => left.length === 1 || undefined);
    assert.equal(entered.unsentBytes, 0);
    session.destroy();
  });

  test('client that leaves while the response of a call that is over waits: the call counts as ended', async () => {
    let gone = 0;
    using rig = await startRig(handlers);
    rig.server.guardWith({
      enter(_, call) {
        call.whenGone({ gone: () => (gone += 1) });
        call.serve();
      },
      failed: () => undefined,
    });
    const session = await connectWithWindow(rig.port, 0);
    const stream = openCall(session, echo.unary.path);
    stream.on('error', () => undefined);
    stream.end(framed('x'));
    await once(stream, 'response');
    assert.equal(gone, 0);
    session.destroy();
    await poll('the end of the call', () => gone === 1 || undefined);
  });
});
