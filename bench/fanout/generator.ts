import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Command, Receipts, Reply } from './commands.ts';

/** The process of the load generator, which the benchmark controls. */
export interface Generator extends AsyncDisposable {
  readonly pid: number;
  /** Sends a command. @throws {Error} if the generator reports a failure. */
  tell(command: Exclude<Command, { kind: 'received' }>): Promise<void>;
  /** Returns the responses since `expect`, when all have arrived or the time is up. */
  receipts(timeoutMs: number): Promise<Receipts>;
}

/** Starts a load generator. */
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
      if (reply.kind !== 'receipts') throw new Error(`unexpected reply of the load generator: ${reply.kind}`);
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
