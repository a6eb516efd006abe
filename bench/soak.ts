/**
 * Proxies that come, go, lag, refuse and reconnect, behind a relay that cuts, splits and delays their connections,
 * while a secret changes each second:
 *
 *     npm run soak -- [--minutes 60] [--proxies 2000] [--transport own]
 *
 * Prints a line each minute. Exits with 1 if a proxy missed the last change, if the memory of the server grew, or if
 * descriptors are left open. Linux only.
 */
import { parseArgs } from 'node:util';
import { runSoak } from '../test/kit/soak/run-soak.ts';
import type { SoakSample } from '../test/kit/soak/run-soak.ts';

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    proxies: { type: 'string', default: '2000' },
    transport: { type: 'string', default: 'own' },
  },
});
const seconds = Math.round(Number(flags.minutes) * 60);
/** Allowed growth of the memory from the first half to the second, in addition to a tenth. */
const slackMiB = 16;

const report = await runSoak({
  seconds,
  proxies: Number(flags.proxies),
  transport: flags.transport,
  lifetimeMs: 20_000,
  onSecond: ({ second, memoryMiB, descriptors, behind }) => {
    if (second % 60 === 0 || second === seconds)
      console.log(`${second} s: ${memoryMiB.toFixed(0)} MiB, ${descriptors} descriptors, ${behind} behind`);
  },
});
const { samples, changes, connections, cuts, refused, statuses, missed, descriptors } = report;
const memory = (from: number, to: number): number =>
  medianOf(samples.slice(Math.floor(from * samples.length), Math.ceil(to * samples.length)));
// The first quarter is warm-up.
const [early, late] = [memory(0.25, 0.5), memory(0.75, 1)];
console.log(
  `${changes} changes, ${connections} connections, ${cuts} cut, ${refused} responses refused, statuses ${JSON.stringify(statuses)}`,
);
console.log(`memory ${early.toFixed(0)} MiB, then ${late.toFixed(0)} MiB`);
console.log(`descriptors ${descriptors.before} before, ${descriptors.after} after`);
const faults = [
  ...(missed > 0 ? [`${missed} proxies do not have the last secret`] : []),
  ...(late > early * 1.1 + slackMiB ? ['the memory of the server grew'] : []),
  ...(descriptors.after > descriptors.before ? ['descriptors are left open'] : []),
];
for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;

function medianOf(some: readonly SoakSample[]): number {
  const sorted = some.map(({ memoryMiB }) => memoryMiB).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
