import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { warmUp } from '../../../src/frontend/warm-up/warm-up.ts';
import type { WarmUpOptions } from '../../../src/frontend/warm-up/warm-up.ts';
import { GrpcServer } from '../../../src/transport/grpc-server.ts';
import { poison } from '../../kit/poison.ts';
import { warmUpOptions } from './warm-up-options.ts';

function optionsOf(isBusy: () => boolean): WarmUpOptions & { readonly servers: readonly GrpcServer[] } {
  const servers: GrpcServer[] = [];
  return {
    ...warmUpOptions,
    servers,
    createServer() {
      const server = new GrpcServer({ afterBufferUse: poison });
      servers.push(server);
      return server;
    },
    isBusy,
  };
}

suite('warm-up', () => {
  test('no other work: all connections acknowledge 16 responses, end two more streams and are closed', async () => {
    const options = optionsOf(() => false);
    assert.deepEqual(await warmUp(options), { connections: 1800, acks: 1800 * 16, ended: 1800 * 2 });
    assert.equal(options.servers.length, 3);
    // Destroyed sockets close in a later turn.
    while (options.servers.some((server) => server.connections > 0)) await setImmediate();
  });

  test('a proxy is connected: no connection is opened', async () => {
    const options = optionsOf(() => true);
    assert.deepEqual(await warmUp(options), { connections: 0, acks: 0, ended: 0 });
    assert.equal(options.servers.length, 0);
  });

  const meanwhile = [
    ['before the second change', 3, { connections: 40, acks: 40 * 2, ended: 80 }],
    ['before the third change', 4, { connections: 40, acks: 40 * 3, ended: 80 }],
  ] as const;
  for (const [when, enough, done] of meanwhile)
    test(`a proxy connects ${when}: that change is not made, and the warm-up ends`, async () => {
      let asked = 0;
      const options = optionsOf(() => {
        asked += 1;
        return asked > enough;
      });
      assert.deepEqual(await warmUp(options), done);
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
