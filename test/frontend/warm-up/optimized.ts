/**
 * Warms up, and then calls one function 2,500 times and another 10,000 times. The first argument says when the warm-up
 * ends: after `isBusy` was asked that often, or when a server is created after `servers` others.
 * `turbofan-threshold.test.ts` runs it with `--trace-opt`.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { warmUp } from '../../../src/frontend/warm-up/warm-up.ts';
import { warmUpOptions } from './warm-up-options.ts';

const [ends, servers] = process.argv.slice(2).map(Number);
if (ends === undefined || servers === undefined) throw new Error('give two numbers');
let [asked, created] = [0, 0];
try {
  await warmUp({
    ...warmUpOptions,
    createServer() {
      created += 1;
      if (created > servers) throw new Error('no server');
      return warmUpOptions.createServer();
    },
    isBusy() {
      asked += 1;
      return asked > ends;
    },
  });
} catch (error) {
  if (created <= servers) throw error;
}

function calledSome(number: number): number {
  return (number * 7 + 3) % 1009;
}

function calledOften(number: number): number {
  return (number * 5 + 2) % 1013;
}

let [some, often] = [1, 1];
for (let turn = 0; turn < 100; turn += 1) {
  for (let call = 0; call < 25; call += 1) some = calledSome(some);
  for (let call = 0; call < 100; call += 1) often = calledOften(often);
  await nextTurn();
}
console.log(some, often);
