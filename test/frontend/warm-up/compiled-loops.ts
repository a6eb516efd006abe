/**
 * Warms up for some rounds, prints "warm", and then changes a sum of prom-client for the first time, as the first change
 * of a server does. `compiled-loops.test.ts` runs it with `--trace-deopt`.
 */
import { Counter, Registry } from 'prom-client';
import { warmUp } from '../../../src/frontend/warm-up/warm-up.ts';
import { GrpcServer } from '../../../src/transport/grpc-server.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { addXdsServices } from '../../../src/xds/index.ts';

/** The number of changes that compile the loops of the hot path. */
const enough = 300;

let asked = 0;
await warmUp({
  createServer: () => new GrpcServer(),
  addServices: (server, store, observer) =>
    addXdsServices(server, store, { observer, types: { [secretTypeUrl]: { oneResourcePerResponse: true } } }),
  isBusy() {
    asked += 1;
    return asked > enough;
  },
  group: '',
});
console.log('warm');
const counter = new Counter({
  name: 'events',
  help: 'events',
  labelNames: ['kind'],
  registers: [new Registry()],
});
counter.inc({ kind: 'change' });
counter.inc({ kind: 'change' });
