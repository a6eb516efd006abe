import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import { flag, frameType } from '../../src/http2/frame.ts';
import { poll } from '../kit/poll.ts';
import { frame, postBlock, preface } from '../http2/rig.ts';
import { echo, framed, openCall, startRig } from './rig.ts';

const mebibyte = 2 ** 20;
const largeWindow = Buffer.from([0, 4, 0x40, 0, 0, 0]);

/** Requests a response of many megabytes, and reads nothing. */
function readNothing(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.pause();
  const block = postBlock(echo.repeat.path, [['content-type', 'application/grpc']]);
  socket.write(
    Buffer.concat([
      preface,
      frame(frameType.settings, 0, 0, largeWindow),
      frame(frameType.windowUpdate, 0, 0, largeWindow.subarray(2)),
      frame(frameType.headers, flag.endHeaders, 1, block),
      frame(frameType.data, flag.endStream, 1, framed('go')),
    ]),
  );
  return socket;
}

test('clients that read nothing, above the memory for all connections: are closed; other calls continue', async () => {
  const repeat = (call: ServerWritableStream<string, string>): void => {
    for (let count = 0; count < 20; count += 1) call.write('x'.repeat(mebibyte));
  };
  const chat = (call: ServerDuplexStream<string, string>): void => {
    call.on('data', (part: string) => void call.write(part));
    call.on('end', () => call.end());
  };
  using rig = await startRig({ repeat, chat }, { unsentBytes: 32 * mebibyte });
  const reasons: string[] = [];
  rig.server.guardWith({
    enter: (_, call) => call.serve(),
    failed: (_, reason) => void reasons.push(reason),
  });
  const honest = openCall(rig.session(), echo.chat.path);
  honest.write(framed('before'));
  await once(honest, 'data');
  const silent = Array.from({ length: 4 }, () => readNothing(rig.port));
  await poll('closed connections', () => reasons.length >= 2 || undefined);
  assert.deepEqual(new Set(reasons), new Set(['response-bytes']));
  await poll('their end', () => rig.server.connections <= 3 || undefined);
  honest.end(framed('after'));
  const [bytes] = (await once(honest, 'data')) as [Buffer];
  assert.equal(bytes.toString('latin1', 5), 'after');
  for (const socket of silent) socket.destroy();
});
