import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Socket } from 'node:net';
import { paceConnections } from '../../src/grpc/pace-connections.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

suite('connections', () => {
  test('turn of the event loop: passes on many connections if it is quick, one if it is slow', async () => {
    let handedOn = 0;
    let now = 0;
    const pace = paceConnections(
      () => void (handedOn += 1),
      () => now,
    );
    const sockets = Array.from({ length: 5 }, () => new Socket());
    for (const socket of sockets) pace(socket);
    // The first turn is quick and passes on all connections.
    await turn();
    assert.equal(handedOn, 5);
    for (const socket of sockets) pace(socket);
    now += 10;
    const before = handedOn;
    await turn();
    assert.equal(handedOn - before, 1, 'this turn was slow');
    await turn();
    assert.equal(handedOn, 10);
    for (const socket of sockets) socket.destroy();
  });

  for (const [kind, ms] of [
    ['quick', 0],
    ['slow', 10],
  ] as const)
    test(`${kind} turn, connection closed before it: only the next connection is passed on`, async () => {
      let now = 0;
      const handedOn: Socket[] = [];
      const pace = paceConnections(
        (socket) => void handedOn.push(socket),
        () => now,
      );
      const [gone, there] = [new Socket(), new Socket()];
      pace(gone);
      pace(there);
      gone.destroy();
      now += ms;
      await turn();
      assert.deepEqual(handedOn, [there]);
      there.destroy();
    });
});
