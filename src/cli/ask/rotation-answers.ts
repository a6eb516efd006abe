import type { MeshDetail } from '../../api/api-types.ts';
import type { ConsumerList } from '../../api/consumer-api-types.ts';
import type { ProxySummary, RolloutDetail } from '../../api/fleet-api-types.ts';
import type { IssuerList } from '../../api/issuer-api-types.ts';
import type { RotationDetail, RotationList } from '../../api/rotation-api-types.ts';
import { rotationFacts } from '../../api/rotation-facts.ts';
import type { RotationAnswers } from '../../api/rotation-facts.ts';
import type { ServerDetail } from '../../api/server-api-types.ts';
import type { ServerFacts } from '../../trust/rotation/facts.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { mapFew, AnswerError, askServer } from './ask-server.ts';
import { proxyPages } from './list-proxies.ts';
import { dropMoved, syncedAt } from './moved-proxies.ts';
import type { ServerAccess } from './server-options.ts';

/** The number of attempts to read a mesh and its roll-out at one version. */
const attempts = 5;

/**
 * Asks all servers about a trust domain. A server that does not answer is a fact, not an error.
 * @throws {CommandError} (negative) if a server answers with an error.
 */
export async function askRotationFacts(
  servers: readonly ServerAccess[],
  mesh: string,
  trustDomain: string,
  signal: AbortSignal,
): Promise<readonly ServerFacts[]> {
  return Promise.all(
    servers.map(async (server): Promise<ServerFacts> => {
      try {
        const others = servers.filter(({ name }) => name !== server.name);
        return rotationFacts(server.name, trustDomain, await answersOf(server, others, mesh, signal));
      } catch (error) {
        if (!(error instanceof CommandError) || error.code !== exitCode.unreachable) throw error;
        return { kind: 'unreachable', server: server.name, reason: error.message };
      }
    }),
  );
}

/**
 * Returns the rotations that a server knows, of one mesh or of all.
 * @throws {CommandError} if it does not answer, or answers with an error.
 */
export async function askRotations(
  server: ServerAccess,
  mesh: string,
  signal: AbortSignal,
): Promise<readonly RotationDetail[]> {
  const path = `/api/v1/meshes/${encodeURIComponent(mesh)}/rotations`;
  const list = (await orNothing(askServer(server, 'GET', path, signal))) as RotationList | undefined;
  return list?.rotations ?? [];
}

async function answersOf(
  server: ServerAccess,
  others: readonly ServerAccess[],
  mesh: string,
  signal: AbortSignal,
): Promise<RotationAnswers> {
  const ask = (path: string): Promise<unknown> => askServer(server, 'GET', path, signal);
  const detail = (await ask('/api/v1/server')) as ServerDetail;
  const base = `/api/v1/meshes/${encodeURIComponent(mesh)}`;
  const rotations = await askRotations(server, mesh, signal);
  for (let attempt = 1; ; attempt += 1) {
    const before = await goneProxies(server, mesh, signal);
    const rollout = (await orNothing(ask(`${base}/rollout`))) as RolloutDetail | undefined;
    const found = (await orNothing(ask(base))) as MeshDetail | undefined;
    // A proxy that leaves after the first list and before the roll-out is in neither of them.
    const after = await goneProxies(server, mesh, signal);
    const gone = newest([...before.proxies, ...after.proxies]);
    // All answers must be about one version: what it lists, and who has it.
    const isOne =
      found?.version === rollout?.version &&
      gone.every(({ servedVersion }) => servedVersion === undefined || servedVersion === rollout?.version);
    if (!isOne && attempt < attempts) continue;
    const nodes = new Set(gone.map(({ node }) => node).filter((node) => node !== ''));
    // Asked after the mesh: consumers of an earlier bundle must not count for this version.
    const consumers = (await orNothing(ask('/api/v1/federation/consumers'))) as ConsumerList | undefined;
    const moved = await mapFew(others, (other) => syncedAt(other, mesh, nodes, signal));
    return {
      server: detail,
      // Without the mesh, the server counts as not ready.
      mesh: isOne ? found : undefined,
      isChanging: !isOne,
      rollout: rollout && (await dropMoved(rollout, server, others, signal)),
      gone: gone.filter(({ node }) => !moved.some((nodesThere) => nodesThere.has(node))),
      isGoneComplete: before.isComplete && after.isComplete,
      rotations,
      consumers,
      issuers: (await orNothing(ask(`${base}/issuers`))) as IssuerList | undefined,
    };
  }
}

/** The proxies of a mesh without a connection. */
interface GoneProxies {
  readonly proxies: readonly ProxySummary[];
  /** False if a worker did not answer, so that its proxies are missing. */
  readonly isComplete: boolean;
}

async function goneProxies(server: ServerAccess, mesh: string, signal: AbortSignal): Promise<GoneProxies> {
  const gone: ProxySummary[] = [];
  let isComplete = true;
  // In the order in which a proxy that is away goes from one to the next, so that it is missed by none of the lists.
  for (const state of ['reconnecting', 'lost', 'disconnected'] as const)
    for await (const { proxies, complete } of proxyPages(server, { mesh, state }, signal)) {
      gone.push(...proxies);
      isComplete &&= complete;
    }
  return { proxies: gone, isComplete };
}

/**
 * Returns each proxy once, as the last list has it. Several proxies without a node ID can have one address, as those
 * behind a Unix socket do: one that is in sync must not hide another one.
 */
function newest(lists: readonly ProxySummary[]): readonly ProxySummary[] {
  const keyOf = ({ node, address, disconnectedAt, version }: ProxySummary): string =>
    JSON.stringify(node === '' ? [address, disconnectedAt, version] : node);
  return [...new Map(lists.map((proxy) => [keyOf(proxy), proxy])).values()];
}

/** Returns `undefined` if a server does not know the requested object. */
async function orNothing(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AnswerError && (error.apiCode === 'not-found' || error.apiCode === 'unknown-mesh'))
      return undefined;
    throw error;
  }
}
