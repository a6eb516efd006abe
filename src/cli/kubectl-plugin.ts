import { environmentVariable } from './flags/flags.ts';
import { createPodFinder } from './kubectl/find-pods.ts';
import type { CommandIo } from './terminal/io.ts';
import { kubectlHelp, splitKubectlArguments } from './kubectl/kubectl-arguments.ts';
import { runProgram } from './program.ts';
import { say } from './terminal/terminal.ts';

/**
 * Runs a command line of `kubectl meshtrust`. It has the same commands, but finds the servers in the cluster if neither
 * `--server` nor its variable names one.
 */
export async function runKubectlPlugin(io: CommandIo): Promise<number> {
  const { rest, ...pods } = splitKubectlArguments(io.args);
  const valueOf = (name: string): string | undefined =>
    pods.kubectl.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1);
  const cluster = { kubeconfig: valueOf('--kubeconfig'), context: valueOf('--context') };
  await using servers = createPodFinder(pods, io.env, (line) => say(io, line));
  const env = rest[0] === 'serve' ? io.env : withoutKubeconfig(io.env);
  return await runProgram(
    { ...io, args: rest, env, servers, cluster },
    { prefix: 'kubectl', help: kubectlHelp },
  );
}

/**
 * Removes the variable for `--kubeconfig`. The options of kubectl select the cluster of the servers, so they must also
 * select the cluster that a command reads or changes.
 */
function withoutKubeconfig(env: CommandIo['env']): CommandIo['env'] {
  const variable = environmentVariable('kubeconfig');
  return Object.fromEntries(Object.entries(env).filter(([name]) => name !== variable));
}

/** Prints the completions of a command line of the plugin. The last word may be incomplete. */
export function runKubectlCompletion(io: CommandIo): Promise<number> {
  // A server of this machine is not one of the cluster, and to find those takes too long.
  const servers = { find: () => Promise.resolve([]) };
  return runProgram({ ...io, args: ['complete', '--', ...io.args], servers });
}
