import type { Action } from './command.ts';
import { runWorker } from '../../frontend/workers/worker.ts';
import type { ToWorker } from '../../frontend/workers/messages.ts';
import { hasColours } from '../terminal/terminal.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';

/** Serves proxies for `serve --workers`, which starts it: it needs the channel to its parent. */
export const worker: Action<object> = async ({ io }) => {
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
    colour: hasColours(io.env, io.stdout),
  });
  return exitCode.ok;
};
