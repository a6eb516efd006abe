import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Command, Receipts, Reply } from './commands.ts';

/** The load generator's process, as the benchmark drives it. */
export interface Generator extends AsyncDisposable {
  readonly pid: number;
  /** @throws {Error} when the generator says that it failed. */
  tell(command: Exclude<Command, { kind: 'received' }>): Promise<void>;
  /** What was received since `expect`, when all is or the time is up. */
  receipts(timeoutMs: number): Promise<Receipts>;
}

/** Starts a generator. */
export function startGenerator(): Generator {
  const child = fork(fileURLToPath(new URL('load.ts', import.meta.url)), { stdio: 'inherit' });

  async function ask(command: Command): Promise<Reply> {
    const answer = once(child, 'message', { signal: AbortSignal.timeout(150_000) });
    child.send(command);
    const [reply] = (await answer) as [Reply];
    if (reply.kind === 'failed') throw new Error(`load generator: ${reply.reason}`);
    return reply;
  }

  return {
    pid: child.pid ?? 0,
    async tell(command) {
      await ask(command);
    },
    async receipts(timeoutMs) {
      const reply = await ask({ kind: 'received', timeoutMs });
      if (reply.kind !== 'receipts') throw new Error('the load generator does not understand');
      return reply;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}
