/** A worker thread that writes one file in all ways, as fast as it can, and ends. */
import fs from 'node:fs';
import { workerData } from 'node:worker_threads';

const { path, rounds } = workerData as { path: string; rounds: number };

/** Returns a text that begins with its length, so that a test can check whether it is complete. */
function text(round: number, mode: string): string {
  const body = 'x'.repeat((round * 7_919) % 300_000);
  return `${body.length} ${round} ${mode} ${body}`;
}

function writeInChunks(whole: string, size: number): void {
  const fd = fs.openSync(path, 'w');
  for (let from = 0; from < whole.length; from += size) fs.writeSync(fd, whole.slice(from, from + size));
  fs.closeSync(fd);
}

function renameIn(whole: string): void {
  fs.writeFileSync(`${path}.tmp`, whole);
  fs.renameSync(`${path}.tmp`, path);
}

const modes: Readonly<Record<string, (whole: string) => void>> = {
  rename: renameIn,
  'in place': (whole) => writeInChunks(whole, Infinity),
  'in place, in chunks': (whole) => writeInChunks(whole, 1 + Math.floor(whole.length / 7)),
  'created again': (whole) => {
    fs.rmSync(path, { force: true });
    writeInChunks(whole, Infinity);
  },
  'created again, in chunks': (whole) => {
    fs.rmSync(path, { force: true });
    writeInChunks(whole, 1 + Math.floor(whole.length / 7));
  },
  'moved away, created again': (whole) => {
    fs.renameSync(path, `${path}~`);
    writeInChunks(whole, 1 + Math.floor(whole.length / 3));
  },
  'moved away, renamed': (whole) => {
    fs.renameSync(path, `${path}~`);
    renameIn(whole);
  },
};

const names = Object.keys(modes);
for (let round = 0; round < rounds; round += 1) {
  // Each way of writing follows each other one.
  const mode = names[(round + Math.floor(round / names.length)) % names.length] ?? 'rename';
  modes[mode]?.(text(round, mode));
  // At once, or with time for a check in between.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, (round * 13) % 16);
}
renameIn('0 last');
