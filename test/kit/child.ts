import { spawn } from 'node:child_process';
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
  /** Writes to its standard input. */
  readonly write: (text: string) => void;
  readonly stderr: () => string;
  /** Settles when the process has ended and its output is complete. */
  readonly exit: Promise<Exit>;
  /** The exit, once there is one. */
  readonly exited: () => Exit | undefined;
  /** Sends the signal and waits for the end; SIGKILL follows after `graceMs` (10,000). */
  readonly stop: (signal?: NodeJS.Signals, graceMs?: number) => Promise<Exit>;
}

/** How to start a program. */
export interface ChildOptions {
  readonly cwd?: string;
  /** Whether signals go to all that it starts as well, such as the program below `npm start`. */
  readonly group?: boolean;
  /** Whether `write` is used. Otherwise its standard input is empty. */
  readonly input?: boolean;
}

/** The running children: functions that send a signal. */
const running = new Set<(signal: NodeJS.Signals) => void>();

/** Kills the children that still run. Nothing else would stop them after the test process is killed. */
function killRunning(): void {
  for (const kill of running) kill('SIGKILL');
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
  { cwd, group = false, input = false }: ChildOptions = {},
): Promise<Child> {
  const child = spawn(file, args, { env, cwd, detached: group, stdio: ['pipe', 'pipe', 'pipe'] });
  const kill = (signal: NodeJS.Signals): void => {
    if (!group || child.pid === undefined) return void child.kill(signal);
    try {
      process.kill(-child.pid, signal);
    } catch {
      // The group has ended.
    }
  };
  running.add(kill);
  if (!input) child.stdin.end();
  let stdout = '';
  let stderr = '';
  let exited: Exit | undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exit = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(kill);
      exited = { code, signal };
      resolve(exited);
    });
  });
  await once(child, 'spawn');
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${file} has no process id`);

  const stop = async (signal: NodeJS.Signals = 'SIGTERM', graceMs = 10_000): Promise<Exit> => {
    kill(signal);
    const killer = setTimeout(() => kill('SIGKILL'), graceMs);
    const result = await exit;
    clearTimeout(killer);
    return result;
  };
  return {
    pid,
    write: (text) => void child.stdin.write(text),
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
