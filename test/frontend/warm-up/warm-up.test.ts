import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { warmUp } from '../../../src/frontend/warm-up/warm-up.ts';
import type { WarmUpOptions } from '../../../src/frontend/warm-up/warm-up.ts';
import { GrpcServer } from '../../../src/transport/grpc-server.ts';
import { addXdsServices } from '../../../src/xds/index.ts';
import { poison } from '../../kit/poison.ts';

const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

function optionsOf(isBusy: () => boolean): WarmUpOptions & { readonly servers: readonly GrpcServer[] } {
  const servers: GrpcServer[] = [];
  return {
    servers,
    createServer() {
      const server = new GrpcServer({ afterBufferUse: poison });
      servers.push(server);
      return server;
    },
    addServices: (server, store, observer) =>
      addXdsServices(server, store, { observer, types: { [secretType]: { oneResourcePerResponse: true } } }),
    isBusy,
    group: '',
  };
}

suite('warm-up', () => {
  test('no other work: all connections acknowledge 61 responses, end ten more streams and are closed', async () => {
    const options = optionsOf(() => false);
    assert.deepEqual(await warmUp(options), { connections: 450, acks: 450 * 61, ended: 450 * 2 });
    assert.equal(options.servers.length, 3);
    // Destroyed sockets close in a later turn.
    while (options.servers.some((server) => server.connections > 0)) await setImmediate();
  });

  test('a proxy is connected: no connection is opened', async () => {
    const options = optionsOf(() => true);
    assert.deepEqual(await warmUp(options), { connections: 0, acks: 0, ended: 0 });
    assert.equal(options.servers.length, 0);
  });

  test('a proxy connects meanwhile: the warm-up ends after the current change', async () => {
    let asked = 0;
    const options = optionsOf(() => {
      asked += 1;
      return asked > 4;
    });
    assert.deepEqual(await warmUp(options), { connections: 10, acks: 30, ended: 20 });
    assert.deepEqual(
      options.servers.map((server) => server.connections),
      [0],
    );
  });

  test('the services cannot be added: the error is passed on', async () => {
    const options = optionsOf(() => false);
    const failing: WarmUpOptions = {
      ...options,
      addServices: () => {
        throw new Error('no services');
      },
    };
    await assert.rejects(warmUp(failing), /no services/);
  });
});
