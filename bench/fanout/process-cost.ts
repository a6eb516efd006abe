import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { poll } from '../../test/kit/poll.ts';

/** A process that uses less than a fiftieth of this time is idle, in ms. */
const quietMs = 300;
const quietTimeoutMs = 30_000;

/** Returns the CPU time of a process and its children in ms, from the Linux scheduler, which counts nanoseconds. */
export function cpuMs(pid: number): number {
  return treeOf(pid).reduce((sum, process) => sum + ownCpuMs(process), 0);
}

function ownCpuMs(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [onCpu = '0'] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ');
    nanoseconds += Number(onCpu);
  }
  return nanoseconds / 1e6;
}

/** Waits until a process and its children are idle: until they have done work that causes no response. */
export async function untilIdle(name: string, pid: number): Promise<void> {
  await poll(
    `${name} to be done`,
    async () => {
      const before = cpuMs(pid);
      await delay(quietMs);
      return cpuMs(pid) - before < quietMs / 50 || undefined;
    },
    { timeoutMs: quietTimeoutMs, everyMs: 0 },
  );
}

/** Returns the resident memory of a process and its children, in KiB. */
export function rssKib(pid: number): number {
  return treeOf(pid).reduce((sum, process) => sum + ownRssKib(process), 0);
}

function ownRssKib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

function treeOf(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
  return [pid, ...children.flatMap((child) => treeOf(Number(child)))];
}
