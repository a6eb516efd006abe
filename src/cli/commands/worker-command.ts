import type { Command } from 'commander';
import { runWorker } from '../../frontend/workers/worker.ts';
import type { ToWorker } from '../../frontend/workers/messages.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';

/** Adds the hidden `meshtrust worker`, which only `serve --workers` can start: it needs the channel to its parent. */
export function addWorkerCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  program.command('worker', { hidden: true }).action(async () => {
    const { channel } = io;
    if (channel === undefined) {
      throw new CommandError(exitCode.usage, 'only "meshtrust serve --workers" can start a worker');
    }
    await runWorker({
      parent: {
        send: (message) => channel.send(message),
        onMessage: (listener) => channel.onMessage((message) => listener(message as ToWorker)),
      },
      stdout: io.stdout,
    });
    done(exitCode.ok);
  });
}
