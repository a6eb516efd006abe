import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { plainText } from '../../text/plain-text.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { FoundServer, LostServer, ServerFinder } from '../terminal/io.ts';
import type { KubectlArguments } from './kubectl-arguments.ts';
import { reasonOf } from '../../text/system-error.ts';

/** The fields that are read from a list of pods. */
interface PodList {
  readonly items: readonly {
    readonly metadata: {
      readonly name: string;
      readonly namespace: string;
      readonly deletionTimestamp?: string;
    };
  }[];
}

/** Maximum length of kubectl's output, in bytes. */
const maxBuffer = 64 * 1024 * 1024;
/** Maximum time for listing the pods, and for forwarding a port, in milliseconds. */
const patience = 20_000;
/** Maximum length of a quoted line of kubectl. */
const lineLength = 500;

/**
 * Finds the servers of a cluster: every running pod with the label. kubectl forwards a port on loopback to the admin
 * API of each, until the finder is disposed of. The finder uses kubectl's permissions; it has no credentials itself.
 */
export function createPodFinder(
  { kubectl, selector, port }: Pick<KubectlArguments, 'kubectl' | 'selector' | 'port'>,
  env: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void,
): ServerFinder & AsyncDisposable {
  const forwards = new AsyncDisposableStack();
  return {
    async find(signal) {
      const pods = await listPods([...kubectl, 'get', 'pods'], selector, env, signal);
      const forwarded = await Promise.allSettled(
        pods.map(async ({ name, namespace }): Promise<FoundServer> => {
          const args = [...kubectl.filter((arg) => !arg.startsWith('--namespace=')), 'port-forward'];
          const target = [`--namespace=${namespace}`, '--address=127.0.0.1', `pod/${name}`, `:${port}`];
          const child = spawn('kubectl', [...args, ...target], { env, stdio: ['ignore', 'pipe', 'pipe'] });
          forwards.defer(() => end(child));
          const url = `http://127.0.0.1:${await forwardedPort(child, `pod/${name}`, signal)}`;
          say(`pod/${name} in namespace ${namespace}: forwarded to ${url}`);
          return { name: `pod/${name}`, url };
        }),
      );
      // The other replicas can still be asked, for example while a node is down.
      const first = forwarded.find(({ status }) => status === 'fulfilled') ?? forwarded[0];
      if (first?.status === 'rejected') throw first.reason;
      return forwarded.map((result, index): FoundServer | LostServer =>
        result.status === 'fulfilled'
          ? result.value
          : { name: `pod/${pods[index]?.name}`, failure: reasonOf(result.reason) },
      );
    },
    [Symbol.asyncDispose]: () => forwards.disposeAsync(),
  };
}

async function listPods(
  args: readonly string[],
  selector: string,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<readonly PodList['items'][number]['metadata'][]> {
  const all = [...args, `--selector=${selector}`, '--field-selector=status.phase=Running', '--output=json'];
  const { items } = JSON.parse(await outputOf(all, env, signal)) as PodList;
  const pods = items
    .map(({ metadata }) => metadata)
    .filter(({ deletionTimestamp }) => deletionTimestamp === undefined);
  if (pods.length > 0) return pods;
  throw new CommandError(
    exitCode.unreachable,
    `no running pod has the label ${selector}; give --namespace, --context, --selector or --server`,
  );
}

function outputOf(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { env, signal, maxBuffer, timeout: patience };
  execFile('kubectl', args, options, (error, stdout, stderr) => {
    if (error === null) resolve(stdout);
    else reject(unreachable(stderr.trim() === '' ? reasonOf(error) : stderr));
  });
  return promise;
}

/** Returns the port on loopback, which kubectl prints when it listens: `Forwarding from 127.0.0.1:40001 -> 5680`. */
async function forwardedPort(child: ChildProcess, pod: string, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let errors = '';
  child.stderr
    ?.setEncoding('utf8')
    .on('data', (text: string) => (errors = `${errors}${text}`.slice(-lineLength)));
  child.on('error', (error) => reject(unreachable(reasonOf(error))));
  child.on('close', (code) => reject(unreachable(`port-forward to ${pod} ended with ${code}: ${errors}`)));
  if (child.stdout !== null) {
    // Read to the end, so that kubectl does not block on a full pipe.
    createInterface(child.stdout).on('line', (line) => {
      const found = /^Forwarding from 127\.0\.0\.1:(?<port>\d+) /.exec(line)?.groups?.['port'];
      if (found !== undefined) resolve(found);
    });
  }
  const late = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
  late.addEventListener(
    'abort',
    () => reject(unreachable(`port-forward to ${pod} did not start within ${patience / 1000} s`)),
    {
      once: true,
    },
  );
  return promise;
}

function unreachable(message: string): CommandError {
  const line = plainText(message.trim().split('\n').at(-1) ?? '', lineLength);
  return new CommandError(exitCode.unreachable, `kubectl: ${line}`);
}

/**
 * Ends a child and closes its pipes. Does not wait for `close`: kubectl may be a script that started another process,
 * which then keeps the pipes open.
 */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    const killer = setTimeout(() => child.kill('SIGKILL'), 2_000);
    await gone;
    clearTimeout(killer);
  }
  child.stdout?.destroy();
  child.stderr?.destroy();
}
