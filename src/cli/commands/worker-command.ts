import type { Command } from 'commander';
import { runWorker } from '../../frontend/workers/worker.ts';
import type { ToWorker } from '../../frontend/workers/messages.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';

/** `meshtrust worker`: what `serve --workers` starts. Nobody else can: it lives on its parent's channel. */
export function addWorkerCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  program.command('worker', { hidden: true }).action(async () => {
    const { channel } = io;
    if (channel === undefined) {
      throw new CommandError(exitCode.usage, 'a worker is started by "meshtrust serve --workers" alone');
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
