import type { Action } from './command.ts';
import { setTimeout as delay } from 'node:timers/promises';
import type { MeshDetail } from '../../api/api-types.ts';
import type { DistrustDetail } from '../../api/server-api-types.ts';
import { parseHash, readDistrust } from '../../trust/policy/distrust.ts';
import { counted } from '../../text/counted.ts';
import { readRegularFile } from '../../net/read-regular-file.ts';
import { AnswerError, askServer } from '../ask/ask-server.ts';
import { canAsk, confirm } from '../terminal/confirm.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import type { CommandIo } from '../terminal/io.ts';
import { formatDuration } from '../terminal/output.ts';
import { keepReplaced, replaceFile, targetOf } from '../terminal/replace-file.ts';
import { addToList, describeEffects, effectsOf, holdersOf, linesFor, wholeHash } from '../ask/revocation.ts';
import type { RevocationEffect } from '../ask/revocation.ts';
import { servedMeshes } from '../offline/served-meshes.ts';
import { serverAccess } from '../ask/server-options.ts';
import type { ServerAccess, ServerOptions } from '../ask/server-options.ts';
import { say } from '../terminal/terminal.ts';
import { waitFor } from '../ask/wait-for-proxies.ts';
import { describeWait } from '../ask/wait-state.ts';
import { withLock } from '../terminal/with-lock.ts';
import { reasonOf } from '../../text/system-error.ts';

interface RevokeOptions extends ServerOptions {
  readonly distrust?: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  /** False with `--no-wait`. */
  readonly wait: boolean;
  readonly timeout: number;
}

/** Milliseconds between two requests whether the servers have applied the list. */
const askMs = 100;
/**
 * Milliseconds in which a server must apply the list. Without notifications of the file system it reads the list
 * every 10 s.
 */
const followMs = 15_000;
/** Milliseconds to wait for another command that changes the list. */
const lockMs = 5_000;

/** Distrusts a CA at once and waits until every connected proxy has the change. */
export const revoke: Action<RevokeOptions> = async ({ operands: [fingerprint = ''], options, io }) => {
  const { distrust: file, wait, timeout } = options;
  if (file === undefined)
    throw new CommandError(
      exitCode.usage,
      'the distrust list is missing: give --distrust FILE, as the servers have it',
    );
  const parsed = parseHash(fingerprint.trim());
  if (parsed.kind === 'invalid') throw new CommandError(exitCode.usage, `the fingerprint ${parsed.reason}`);
  const servers = await serverAccess(options, io);
  const served = await Promise.all(servers.map((server) => servedMeshes(server, io.signal)));
  const hash = wholeHash(parsed.hash, effectsOf(parsed.hash, served));
  // The effects of the hash that is written: it can match more than the given one, both encodings of a key.
  const effects = effectsOf(hash, served);
  for (const line of describeEffects(effects)) say(io, line);
  if (effects.length === 0) say(io, `no served CA certificate matches ${hash}`);
  if (options.dryRun === true) return exitCode.ok;
  await askFirst(io, effects, options.yes === true);
  const isAdded = await write(file, hash, effects);
  say(io, isAdded ? `${file}: added ${hash}` : `${file}: already contains ${hash}`);
  if (!wait) return exitCode.ok;
  const deadline = performance.now() + timeout;
  const followed = await untilFollowed(hash, servers, io, Math.min(timeout, followMs));
  let connected = 0;
  for (const [mesh, holders] of holdersOf(followed, isAdded ? effects : [])) {
    const question = { mesh, proxies: 0 };
    const { state, answers } = await waitFor(
      io,
      holders,
      question,
      Math.max(0, deadline - performance.now()),
    );
    connected += state.connected;
    if (!state.done)
      throw new CommandError(
        answers.some(({ kind }) => kind === 'unreachable') ? exitCode.unreachable : exitCode.timeout,
        `timed out after ${formatDuration(timeout)}: ${describeWait(state)}; the servers distrust the CA, but some proxies may still trust it`,
      );
  }
  say(
    io,
    connected === 0 ? 'revoked: no proxy is connected' : 'revoked: every connected proxy has the change',
  );
  return exitCode.ok;
};

/**
 * Asks for confirmation, if needed.
 * @throws {CommandError} (negative) if a person declines, or if a mesh would lose its last CA and no one can be asked.
 */
async function askFirst(io: CommandIo, effects: readonly RevocationEffect[], yes: boolean): Promise<void> {
  if (yes) return;
  const emptied = effects.filter(({ leavesNothing }) => leavesNothing).map(({ mesh }) => mesh);
  if (emptied.length > 0 && !canAsk(io))
    throw new CommandError(
      exitCode.negative,
      `mesh ${emptied.join(', ')} would have no CA left, and its proxies would refuse every client; give --yes to confirm`,
    );
  if (!canAsk(io)) return;
  const question = emptied.length > 0 ? `Leave mesh ${emptied.join(', ')} without any CA?` : 'Revoke?';
  if (!(await confirm(io, question)))
    throw new CommandError(exitCode.negative, 'cancelled: the list was not changed');
}

/**
 * Adds the hash to the list. Returns false if the list already contains it. Only one command at a time changes a list:
 * otherwise a command could overwrite a line that another added after it read the list.
 */
async function write(file: string, hash: string, effects: readonly RevocationEffect[]): Promise<boolean> {
  try {
    // A symbolic link is kept: servers may watch the file to which it points.
    const path = await targetOf(file);
    return await withLock(path, lockMs, () => addTo(path, hash, effects));
  } catch (error) {
    const reason = reasonOf(error);
    throw new CommandError(exitCode.usage, `${file}: cannot be changed: ${reason}`);
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
  if (text === undefined) {
    // The command that listed it may have failed at this.
    await keepReplaced(file);
    return false;
  }
  await replaceFile(file, text);
  return true;
}

/** The meshes that each server serves. */
type Served = readonly (readonly [server: ServerAccess, meshes: readonly MeshDetail[]])[];

/**
 * Waits until every server has read the list and no server serves the revoked CA. Returns the meshes of each server.
 * @throws {CommandError} (timeout) if a server does not apply the list.
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
        // Asked before the meshes: if the list is in force now, the meshes below reflect it.
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
          ? `${counted(trusting.length, 'server')} still ${trusting.length === 1 ? 'trusts' : 'trust'} the CA`
          : `${counted(behind.length, 'server')} ${behind.length === 1 ? 'has' : 'have'} not read the list`;
      const names = (trusting.length > 0 ? trusting : behind).map(({ server }) => server.name).join(', ');
      throw new CommandError(
        exitCode.timeout,
        `${what}: ${names}; check that their --distrust names this file`,
      );
    }
    await delay(askMs, undefined, { signal: io.signal }).catch(() => undefined);
    if (io.signal.aborted) throw new CommandError(exitCode.negative, 'interrupted');
  }
}

/**
 * Returns whether the list in force at a server contains the hash. Returns true for an older server without this API:
 * for such a server the served meshes decide.
 */
async function isListedAt(server: ServerAccess, hash: string, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await askServer(server, 'GET', `/api/v1/distrust/${hash}`, signal);
    return (answer as DistrustDetail).listed;
  } catch (error) {
    if (error instanceof AnswerError && error.apiCode === 'not-found') return true;
    throw error;
  }
}
