/**
 * Warms up until `isBusy` was asked as often as the first argument says, and then calls a function 10,000 times.
 * `turbofan-threshold.test.ts` runs it with `--trace-opt`.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { warmUp } from '../../../src/frontend/warm-up/warm-up.ts';
import { GrpcServer } from '../../../src/transport/grpc-server.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { addXdsServices } from '../../../src/xds/index.ts';

const enough = Number(process.argv[2]);
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

function calledLater(number: number): number {
  return (number * 7 + 3) % 1009;
}

let number = 1;
for (let turn = 0; turn < 100; turn += 1) {
  for (let call = 0; call < 100; call += 1) number = calledLater(number);
  await nextTurn();
}
console.log(number);
