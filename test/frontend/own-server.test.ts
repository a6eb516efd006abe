import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { createOwnServer } from '../../src/frontend/own-server.ts';
import type { ProxyServer } from '../../src/frontend/proxy-server.ts';
import { frameType } from '../../src/http2/frame.ts';
import { createLogger } from '../../src/observe/log/log.ts';
import { proxyOptions } from '../kit/proxy-options.ts';
import { memoryStream } from '../observe/rig.ts';
import { warmUpOptions } from './warm-up/warm-up-options.ts';

function newServer(): { readonly server: ProxyServer; readonly lines: () => readonly unknown[] } {
  const out = memoryStream();
  const log = createLogger({ format: 'json', level: 'info', stream: out.stream });
  const authFailed = (): void => assert.fail('there is no TLS');
  return { server: createOwnServer({ options: proxyOptions, log, authFailed }), lines: out.lines };
}

/** Returns the types of the HTTP/2 frames in bytes that begin with a frame. */
function* frameTypes(bytes: Buffer): Generator<number | undefined> {
  for (let at = 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3)) yield bytes[at + 3];
}

suite('warm-up of a server with the own transport', () => {
  test('its connections are probed, as those of proxies are later', async () => {
    const { server, lines } = newServer();
    let pings = 0;
    await server.warmUp?.({
      ...warmUpOptions,
      addServices(grpc, store, observer) {
        const attach = grpc.attach.bind(grpc);
        grpc.attach = (socket: Socket) => {
          const write = socket.write.bind(socket);
          socket.write = (bytes: Buffer) => {
            for (const type of frameTypes(bytes)) if (type === frameType.ping) pings += 1;
            return write(bytes);
          };
          attach(socket);
        };
        return warmUpOptions.addServices(grpc, store, observer);
      },
    });
    assert.ok(pings > 0);
    assert.deepEqual(lines(), []);
  });

  test('an error: is logged and not thrown', async () => {
    const { server, lines } = newServer();
    await server.warmUp?.({
      ...warmUpOptions,
      addServices: () => {
        throw new Error('no services');
      },
    });
    const [line, ...others] = lines() as { level: string; event: string; err: { message: string } }[];
    assert.deepEqual(
      [line?.level, line?.event, line?.err.message, others.length],
      ['info', 'warm-up', 'no services', 0],
    );
  });
});
