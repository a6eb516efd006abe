import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { wiresInMemory, wiresOverLoopback } from '../../../src/frontend/warm-up/wires.ts';

/** Collects the server side of connections. */
function collect(): { readonly sockets: Socket[]; readonly accept: (socket: Socket) => void } {
  const sockets: Socket[] = [];
  return { sockets, accept: (socket) => void sockets.push(socket) };
}

suite('wires of the warm-up', () => {
  for (const [name, wiresOf] of Object.entries({ wiresInMemory, wiresOverLoopback })) {
    test(`${name}: what a client sends arrives at the server, and so does the end`, async () => {
      const { sockets, accept } = collect();
      using wires = await wiresOf(accept);
      const wire = await wires.connect();
      const [socket] = sockets;
      assert.ok(socket);
      wire.send(Buffer.from('hello'));
      const data = once(socket, 'data');
      // Sockets are accepted paused.
      socket.resume();
      const [bytes] = (await data) as [Buffer];
      assert.equal(bytes.toString(), 'hello');
      const end = once(socket, 'close');
      wire.close();
      await end;
    });
  }

  test('wiresOverLoopback, a connection breaks before the server has it: the error ends nothing else', async () => {
    const { accept } = collect();
    using wires = await wiresOverLoopback(accept);
    // Node.js publishes each accepted socket after the event `connection`.
    const breakSocket = (message: unknown): void => {
      const { socket } = message as { readonly socket: Socket };
      socket.destroy(new Error('reset'));
    };
    subscribe('net.server.socket', breakSocket);
    const [outcome] = await Promise.allSettled([wires.connect()]);
    unsubscribe('net.server.socket', breakSocket);
    if (outcome?.status === 'fulfilled') outcome.value.close();
    const wire = await wires.connect();
    wire.close();
  });

  test('another client of the loopback port: is closed, and not served', async () => {
    const { sockets, accept } = collect();
    using wires = await wiresOverLoopback(accept);
    const wire = await wires.connect();
    const port = sockets[0]?.localPort ?? 0;
    const stranger = connect(port, '127.0.0.1');
    stranger.on('error', () => undefined);
    await once(stranger, 'close');
    assert.equal(sockets.length, 1);
    wire.close();
  });
});
