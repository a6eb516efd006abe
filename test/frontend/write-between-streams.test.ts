import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { ScriptedProxy } from '../../src/frontend/warm-up/scripted-proxy.ts';
import { GrpcServer } from '../../src/transport/grpc-server.ts';
import {
  addXdsServices,
  createResource,
  createResourceSet,
  createSnapshotStore,
  typeUrls,
} from '../../src/xds/index.ts';
import type { Outgoing, ResourceSet } from '../../src/xds/index.ts';

const name = 'spiffe://a.test';
const setOf = (version: string): ResourceSet =>
  createResourceSet([createResource(name, Buffer.from(version))]);

/** The server's end of a connection, which counts the writes. */
class CountingSocket extends Duplex {
  writes = 0;

  setNoDelay(): this {
    return this;
  }

  override _read(): void {
    // The test pushes.
  }

  override _write(_bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.writes += 1;
    done();
  }
}

test('change for 100 streams: the first have it before it is prepared for the last', async () => {
  const server = new GrpcServer();
  const store = createSnapshotStore();
  store.set('', typeUrls.secret, setOf('1'));
  const sockets = Array.from({ length: 100 }, () => new CountingSocket());
  const [responded, acknowledged] = [Promise.withResolvers<Outgoing>(), Promise.withResolvers<void>()];
  let [responses, acks] = [0, 0];
  /** Number of writes to all sockets when each response was prepared. */
  const writes: number[] = [];
  const xds = addXdsServices(server, store, {
    // All streams are in the first slice, also on a slow machine.
    sliceMs: 60_000,
    observer: {
      response(_stream, response) {
        responses += 1;
        writes.push(sockets.reduce((sum, socket) => sum + socket.writes, 0));
        if (responses === sockets.length) responded.resolve(response);
      },
      acked() {
        acks += 1;
        if (acks === sockets.length) acknowledged.resolve();
      },
    },
  });
  const proxy = new ScriptedProxy('delta', { typeUrl: typeUrls.secret, name });
  for (const [index, socket] of sockets.entries()) {
    server.attach(socket as unknown as Socket);
    socket.push(proxy.subscribe(`proxy-${index}`));
  }
  const answer = await responded.promise;
  for (const socket of sockets) socket.push(proxy.acknowledge(answer));
  await acknowledged.promise;
  writes.length = 0;
  store.set('', typeUrls.secret, setOf('2'));
  assert.equal(writes.length, 100);
  // Streams are prepared 32 at a time.
  assert.equal((writes.at(-1) ?? 0) - (writes[0] ?? 0), 96);
  for (const socket of sockets) socket.destroy();
  await xds.drain(0);
  server.forceShutdown();
});
