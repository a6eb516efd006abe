import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { poll } from './poll.ts';

/** What a process has used since its start. Linux only. */
export interface ProcessUse {
  /** CPU time of all threads, in ms. Linux counts it in steps of 10 ms. */
  readonly cpuMs: number;
  /** Bytes that the process has read: from sockets, mostly. */
  readonly readBytes: number;
}

/** The kernel reports CPU time in units of 1/100 s. */
const tickMs = 10;

/** Returns what a process has used. */
export async function useOf({ pid }: { readonly pid: number }): Promise<ProcessUse> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name of the program, in parentheses, may contain spaces. After it, fields 12 and 13 are user and system time.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const read = /rchar: (\d+)/.exec(await readFile(`/proc/${pid}/io`, 'utf8'));
  return {
    cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs,
    readBytes: Number(read?.[1] ?? assert.fail('no rchar')),
  };
}

/** Interval in which the CPU time of a process is compared, in ms. */
const idleMs = 200;

/** Waits until a process has no work: after its start, a server compiles code for about a second. */
export async function untilIdle(process: { readonly pid: number }): Promise<void> {
  await poll(
    'the process to be idle',
    async () => {
      const before = await useOf(process);
      await delay(idleMs);
      return (await useOf(process)).cpuMs - before.cpuMs <= tickMs || undefined;
    },
    { timeoutMs: 30_000, everyMs: 0 },
  );
}
