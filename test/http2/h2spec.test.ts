import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { ServerConnection } from '../../src/http2/connection.ts';
import type { ConnectionHandler, ConnectionShared } from '../../src/http2/connection.ts';
import { encodeLiteral } from '../../src/http2/hpack/encode-field.ts';
import { SharedFields } from '../../src/http2/hpack/shared-fields.ts';
import { defaultConnectionLimits } from '../../src/http2/limits.ts';
import { OutputPool } from '../../src/http2/output-pool.ts';
import { SharedData } from '../../src/http2/shared-data.ts';
import { findTool } from '../kit/find-tool.ts';

const run = promisify(execFile);
const found = await findTool('h2spec');

const response = encodeLiteral(':status', '200', 'none');
const trailers = encodeLiteral('x-done', 'yes', 'none');
const body = new SharedData([Buffer.from('hello')]);

/** Serves HTTP/2 on a socket. */
function attach(socket: Socket, shared: ConnectionShared, handler: ConnectionHandler): void {
  const wire = {
    write: (bytes: Buffer) => socket.destroyed || socket.write(bytes),
    get unsent() {
      return socket.writableLength;
    },
    end: () => socket.end(),
  };
  const connection = new ServerConnection(shared, wire, handler);
  socket.setNoDelay(true);
  socket.on('data', (bytes: Buffer) => connection.receive(bytes, 0, bytes.length, performance.now()));
  socket.on('drain', () => connection.output.drained());
  socket.on('error', () => undefined);
  socket.on('end', () => socket.end());
  socket.on('close', () => connection.gone());
}

/** Starts a server that responds to each complete request, as h2spec expects. */
async function serve(): Promise<{ readonly port: number } & Disposable> {
  const shared = {
    pool: new OutputPool((work) => process.nextTick(work)),
    fields: new SharedFields(),
    limits: defaultConnectionLimits,
    time: { now: 0 },
  };
  const listener = createServer((socket) => {
    attach(socket, shared, {
      request: (stream) => ({
        data: () => undefined,
        ended() {
          stream.respond(() => response);
          stream.send(body);
          stream.end(() => trailers);
        },
        aborted: () => undefined,
      }),
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  return { port, [Symbol.dispose]: () => listener.close() };
}

const path = found.kind === 'found' ? found.path : '';

suite('h2spec', { skip: found.kind === 'missing' && found.reason }, () => {
  for (const [name, flags, tests] of [
    ['default mode', [], 145],
    ['strict mode', ['-S'], 146],
  ] as const) {
    test(`${name}: all cases pass`, { timeout: 60_000 }, async () => {
      using server = await serve();
      const args = ['-h', '127.0.0.1', '-p', String(server.port), '-o', '2', ...flags];
      const { stdout } = await run(path, args).catch((error: unknown) => error as { stdout: string });
      assert.match(stdout, new RegExp(`\\b${tests} tests, ${tests} passed, 0 skipped, 0 failed`), stdout);
    });
  }
});
