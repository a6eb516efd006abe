import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { MeshDetail } from '../../api/api-types.ts';
import type { DistrustDetail } from '../../api/server-api-types.ts';
import { parseHash, readDistrust } from '../../trust/policy/distrust.ts';
import { counted } from '../../observe/log/describe-change.ts';
import { readRegularFile } from '../../net/read-regular-file.ts';
import { AnswerError, askServer } from '../ask/ask-server.ts';
import { canAsk, confirm } from '../terminal/confirm.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { flag } from '../flags/flags.ts';
import type { CommandIo } from '../terminal/io.ts';
import { formatDuration } from '../terminal/output.ts';
import { replaceFile, targetOf } from '../terminal/replace-file.ts';
import { addToList, describeEffects, effectsOf, holdersOf, linesFor, wholeHash } from '../ask/revocation.ts';
import type { RevocationEffect } from '../ask/revocation.ts';
import { servedMeshes } from '../offline/served-meshes.ts';
import { addServerOptions, serverAccess } from '../ask/server-options.ts';
import type { ServerAccess, ServerOptions } from '../ask/server-options.ts';
import { say } from '../terminal/terminal.ts';
import { waitFor } from '../ask/wait-for-proxies.ts';
import { describeWait } from '../ask/wait-state.ts';
import { withLock } from '../terminal/with-lock.ts';

interface RevokeOptions extends ServerOptions {
  readonly distrust?: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  /** False with `--no-wait`. */
  readonly wait: boolean;
  readonly timeout: number;
}

/** How often servers are asked whether they follow the list, ms. */
const askMs = 100;
/** How long a server may take for that, ms: it reads the list again every 10 s where no notice comes. */
const followMs = 15_000;
/** How long another command may take to change the list, ms. */
const lockMs = 5_000;

/** `meshtrust revoke`: distrusts a CA now, everywhere, and waits until every proxy knows. */
export function addRevokeCommand(program: Command, io: CommandIo, done: (code: number) => void): void {
  const command = program
    .command('revoke')
    .description(
      'distrust a CA now: add it to the list that servers follow, and wait until proxies have the change',
    )
    .argument(
      '<fingerprint>',
      'SHA-256 of the certificate or of its key: 16 digits or more, or as openssl prints it',
    )
    .addOption(flag('distrust'))
    .addOption(flag('dryRun'))
    .addOption(flag('yes'))
    .addOption(flag('wait'))
    .addOption(flag('timeout'));
  addServerOptions(command).action(async (fingerprint: string, options: RevokeOptions) => {
    const { distrust: file, wait, timeout } = options;
    if (file === undefined)
      throw new CommandError(exitCode.usage, 'name the list that the servers follow: --distrust FILE');
    const parsed = parseHash(fingerprint.trim());
    if (parsed.kind === 'invalid') throw new CommandError(exitCode.usage, `the fingerprint ${parsed.reason}`);
    const servers = await serverAccess(options, io);
    const served = await Promise.all(servers.map((server) => servedMeshes(server, io.signal)));
    const hash = wholeHash(parsed.hash, effectsOf(parsed.hash, served));
    // Of what is written, which can stand for more than what was given: both encodings of a key.
    const effects = effectsOf(hash, served);
    for (const line of describeEffects(effects)) say(io, line);
    if (effects.length === 0) say(io, 'no listed CA shows this hash');
    if (options.dryRun === true) return done(exitCode.ok);
    await askFirst(io, effects, options.yes === true);
    const isAdded = await write(file, hash, effects);
    say(io, isAdded ? `${file}: added ${hash}` : `${file} has the hash already`);
    if (!wait) return done(exitCode.ok);
    const deadline = performance.now() + timeout;
    const followed = await untilFollowed(hash, servers, io, Math.min(timeout, followMs));
    let connected = 0;
    for (const [mesh, holders] of holdersOf(followed, isAdded ? effects : [])) {
      const question = { mesh, proxies: 0 };
      const { state } = await waitFor(io, holders, question, Math.max(0, deadline - performance.now()));
      connected += state.connected;
      if (!state.done)
        throw new CommandError(
          exitCode.timeout,
          `timed out after ${formatDuration(timeout)}: ${describeWait(state)}; the CA is distrusted, and some proxies do not have it yet`,
        );
    }
    say(
      io,
      connected === 0
        ? 'revoked: no proxy is connected that could have it'
        : 'revoked: every connected proxy has the change',
    );
    done(exitCode.ok);
  });
}

/** @throws {CommandError} unless the revocation is confirmed, or nobody has to be asked. */
async function askFirst(io: CommandIo, effects: readonly RevocationEffect[], yes: boolean): Promise<void> {
  if (yes) return;
  const emptied = effects.filter(({ leavesNothing }) => leavesNothing).map(({ mesh }) => mesh);
  if (emptied.length > 0 && !canAsk(io))
    throw new CommandError(
      exitCode.negative,
      `mesh ${emptied.join(', ')} would trust nobody: give --yes if that is meant`,
    );
  if (!canAsk(io)) return;
  const question = emptied.length > 0 ? `Leave mesh ${emptied.join(', ')} without any CA?` : 'Revoke?';
  if (!(await confirm(io, question))) throw new CommandError(exitCode.negative, 'nothing was changed');
}

/**
 * Adds the hash to the list. Returns false if the list stands for it already. Only one command at a time changes a
 * list: what it read before another wrote would take away the other's line.
 */
async function write(file: string, hash: string, effects: readonly RevocationEffect[]): Promise<boolean> {
  try {
    // A link stays one: servers may follow the file that it leads to.
    const path = await targetOf(file);
    return await withLock(path, lockMs, () => addTo(path, hash, effects));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(exitCode.usage, `${file} cannot be changed: ${reason}`);
  }
}

async function addTo(file: string, hash: string, effects: readonly RevocationEffect[]): Promise<boolean> {
  const list = await readRegularFile(file).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  });
  const before = list.toString('utf8');
  const known = readDistrust(before).entries.map((entry) => entry.hash);
  const text = addToList(before, hash, known, linesFor(hash, effects, new Date().toISOString()));
  if (text === undefined) return false;
  await replaceFile(file, text);
  return true;
}

/** What each server serves. */
type Served = readonly (readonly [server: ServerAccess, meshes: readonly MeshDetail[]])[];

/**
 * Waits until every server has read the list and none serves what was revoked, and returns what each serves then.
 * @throws {CommandError} (timeout) if a server does not follow the list.
 */
async function untilFollowed(
  hash: string,
  servers: readonly ServerAccess[],
  io: CommandIo,
  timeout: number,
): Promise<Served> {
  const deadline = performance.now() + timeout;
  for (;;) {
    const answers = await Promise.all(
      servers.map(async (server) => {
        // Before what is served: a list that was read then has its effect in it.
        const isListed = await isListedAt(server, hash, io.signal);
        const meshes = await servedMeshes(server, io.signal);
        return { server, meshes, isListed, trusts: effectsOf(hash, [meshes]).length > 0 };
      }),
    );
    const behind = answers.filter(({ isListed, trusts }) => trusts || !isListed);
    if (behind.length === 0) return answers.map(({ server, meshes }) => [server, meshes]);
    if (performance.now() >= deadline) {
      const trusting = behind.filter(({ trusts }) => trusts);
      const what =
        trusting.length > 0
          ? `${counted(trusting.length, 'server')} still ${trusting.length === 1 ? 'trusts' : 'trust'} it`
          : `${counted(behind.length, 'server')} ${behind.length === 1 ? 'has' : 'have'} not read it`;
      const names = (trusting.length > 0 ? trusting : behind).map(({ server }) => server.name).join(', ');
      throw new CommandError(
        exitCode.timeout,
        `${what}: ${names}; is this the list that --distrust of serve names?`,
      );
    }
    await delay(askMs, undefined, { signal: io.signal }).catch(() => undefined);
    if (io.signal.aborted) throw new CommandError(exitCode.negative, 'interrupted');
  }
}

/** Whether the list in force at a server has the hash. An older server cannot say; what it serves has to do. */
async function isListedAt(server: ServerAccess, hash: string, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await askServer(server, 'GET', `/api/v1/distrust/${hash}`, signal);
    return (answer as DistrustDetail).listed;
  } catch (error) {
    if (error instanceof AnswerError && error.apiCode === 'not-found') return true;
    throw error;
  }
}
