import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Metadata, status } from '@grpc/grpc-js';
import type { Client, ServiceError } from '@grpc/grpc-js';
import { frameOfMessage } from '../../src/transport/message-frames.ts';
import type { UnaryHandler } from '../../src/transport/unary-call.ts';
import { openCall, framed, startRig } from './rig.ts';

const path = '/test.Bytes/Get';

function get(client: Client, request: string, deadline?: number): Promise<string | ServiceError> {
  return new Promise((resolve) => {
    client.makeUnaryRequest<string, string>(
      path,
      (text) => Buffer.from(text),
      (bytes) => bytes.toString(),
      request,
      new Metadata(),
      deadline === undefined ? {} : { deadline },
      (error, value) => resolve(error ?? value ?? ''),
    );
  });
}

async function withMethod(handler: UnaryHandler, use: (client: Client) => Promise<void>): Promise<void> {
  using rig = await startRig({});
  rig.server.addUnary(path, handler);
  await use(rig.client());
}

suite('unary method with bytes', () => {
  test('request: gets the response, on every stream of a connection', () =>
    withMethod(
      (request, call) => ({ kind: 'response', bytes: Buffer.from(`${request.toString()} ${call.address}`) }),
      async (client) => {
        const replies = await Promise.all(['a', 'b', 'c', 'd'].map((text) => get(client, text)));
        for (const [index, text] of ['a', 'b', 'c', 'd'].entries())
          assert.match(String(replies[index]), new RegExp(`^${text} 127\\.0\\.0\\.1:\\d+$`));
      },
    ));

  test('response with the same bytes: is framed once', () => {
    const bytes = Buffer.from('shared');
    const other = frameOfMessage(Buffer.from('shared'));
    const frame = frameOfMessage(bytes);
    assert.notEqual(frame, other);
    frameOfMessage(Buffer.from('another in between'));
    assert.equal(frameOfMessage(bytes), frame);
    assert.equal(frame.framesFor(1).toString('latin1', 9), '\0\0\0\0\x06shared');
  });

  test('status: ends the call', () =>
    withMethod(
      () => ({ kind: 'status', status: { code: status.NOT_FOUND, message: 'absent' } }),
      async (client) => {
        const error = (await get(client, 'a')) as ServiceError;
        assert.deepEqual([error.code, error.details], [status.NOT_FOUND, 'absent']);
      },
    ));

  test('handler throws → UNKNOWN', () =>
    withMethod(
      () => {
        throw new Error('broken');
      },
      async (client) => {
        const error = (await get(client, 'a')) as ServiceError;
        assert.deepEqual([error.code, error.details], [status.UNKNOWN, 'broken']);
      },
    ));

  for (const [what, body] of [
    ['no message', []],
    ['two messages', [framed('a'), framed('b')]],
  ] as const) {
    test(`${what} → UNIMPLEMENTED`, async () => {
      using rig = await startRig({});
      rig.server.addUnary(path, () => ({ kind: 'response', bytes: Buffer.from('x') }));
      const call = openCall(rig.session(), path);
      const ended = new Promise<unknown>((resolve) => {
        call.on(
          'response',
          (headers) => headers['grpc-status'] !== undefined && resolve(headers['grpc-status']),
        );
        call.on('trailers', (trailers) => resolve(trailers['grpc-status']));
      });
      call.end(Buffer.concat(body));
      assert.equal(Number(await ended), status.UNIMPLEMENTED);
    });
  }

  test('request never complete: ends at its deadline', async () => {
    using rig = await startRig({});
    rig.server.addUnary(path, () => ({ kind: 'response', bytes: Buffer.from('x') }));
    const call = openCall(rig.session(), path, { 'grpc-timeout': '20m' });
    const ended = new Promise<unknown>((resolve) => {
      call.on(
        'response',
        (headers) => headers['grpc-status'] !== undefined && resolve(headers['grpc-status']),
      );
      call.on('trailers', (trailers) => resolve(trailers['grpc-status']));
    });
    call.write(framed('a'));
    assert.equal(Number(await ended), status.DEADLINE_EXCEEDED);
  });
});
