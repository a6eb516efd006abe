import { createPodFinder } from './kubectl/find-pods.ts';
import type { CommandIo } from './terminal/io.ts';
import { kubectlHelp, splitKubectlArguments } from './kubectl/kubectl-arguments.ts';
import { runProgram } from './program.ts';
import { say } from './terminal/terminal.ts';

/**
 * Runs a command line of `kubectl meshtrust`: the same commands, which find the servers of the cluster where
 * `--server` (or its variable) names none.
 */
export async function runKubectlPlugin(io: CommandIo): Promise<number> {
  const { rest, ...cluster } = splitKubectlArguments(io.args);
  await using servers = createPodFinder(cluster, io.env, (line) => say(io, line));
  return await runProgram({ ...io, args: rest, servers }, { prefix: 'kubectl', help: kubectlHelp });
}

/** Says how a command line of the plugin may go on, the last word of which may not be complete. */
export function runKubectlCompletion(io: CommandIo): Promise<number> {
  return runProgram({ ...io, args: ['complete', '--', ...io.args] });
}
