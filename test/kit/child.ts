import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** How a process ended: one of the two is set. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program that a test started: its output so far, and its end. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Settles when the process has ended and its output is complete. */
  readonly exit: Promise<Exit>;
  /** The exit, once there is one. */
  readonly exited: () => Exit | undefined;
  /** Sends the signal and waits for the end; SIGKILL follows after `graceMs` (10,000). */
  readonly stop: (signal?: NodeJS.Signals, graceMs?: number) => Promise<Exit>;
}

/** The running children. */
const running = new Set<ChildProcess>();

/** Kills the children that still run. Nothing else would stop them after the test process is killed. */
function killRunning(): void {
  for (const child of running) child.kill('SIGKILL');
}

process.once('exit', killRunning);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killRunning();
    process.kill(process.pid, signal);
  });
}

/** Starts `file`; disposing of it kills it. */
export async function startChild(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Child> {
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let stdout = '';
  let stderr = '';
  let exited: Exit | undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exit = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child);
      exited = { code, signal };
      resolve(exited);
    });
  });
  await once(child, 'spawn');
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${file} has no process id`);

  const stop = async (signal: NodeJS.Signals = 'SIGTERM', graceMs = 10_000): Promise<Exit> => {
    child.kill(signal);
    const killer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    const result = await exit;
    clearTimeout(killer);
    return result;
  };
  return {
    pid,
    stdout: () => stdout,
    stderr: () => stderr,
    exit,
    exited: () => exited,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop('SIGKILL');
    },
  };
}
