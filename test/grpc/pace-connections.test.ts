import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Socket } from 'node:net';
import { paceConnections } from '../../src/grpc/pace-connections.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('connections: many are handed on in a quick turn of the event loop, and one in a slow turn', async () => {
  let handedOn = 0;
  const pace = paceConnections(() => void (handedOn += 1));
  const sockets = Array.from({ length: 5 }, () => new Socket());
  for (const socket of sockets) pace(socket);
  // The first turn comes quickly, and lets all through.
  await turn();
  assert.equal(handedOn, 5);
  for (const socket of sockets) pace(socket);
  for (const end = performance.now() + 10; performance.now() < end;);
  const before = handedOn;
  await turn();
  assert.equal(handedOn - before, 1, 'this turn was slow');
  for (let turns = 0; turns < 5; turns += 1) await turn();
  assert.equal(handedOn, 10);
  for (const socket of sockets) socket.destroy();
});

test('a connection that is gone before its turn is not handed on', async () => {
  const handedOn: Socket[] = [];
  const pace = paceConnections((socket) => void handedOn.push(socket));
  const [gone, there] = [new Socket(), new Socket()];
  pace(gone);
  pace(there);
  gone.destroy();
  await turn();
  assert.deepEqual(handedOn, [there]);
  there.destroy();
});
