import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

/** Returns the peak of resident memory of a process, in bytes. Linux only. */
export async function mostMemory({ pid }: { readonly pid: number }): Promise<number> {
  const found = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1] ?? assert.fail('no VmHWM')) * 1024;
}
