import type { LaggingProxy, ProxyDetail, ProxySummary, RolloutDetail } from '../../api/fleet-api-types.ts';
import { AnswerError, askServer, mapFew } from './ask-server.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { proxyPages } from './list-proxies.ts';
import type { ServerAccess } from './server-options.ts';

/** A proxy of a list that was filtered by state. */
type ListedProxy = ProxySummary & { readonly state: LaggingProxy['state'] };

/** Maximum number of lagging proxies that a server names. */
const mostLagging = 100;
/** Above this number, lost proxies are not looked up one by one, but in the lists of the other servers. */
const mostLookedUp = 20;

/**
 * Removes proxies from a roll-out that have moved to another server. Asks the other servers for all lost and
 * reconnecting proxies of `server`: a proxy that is in sync at another server has moved. A proxy that is connected
 * there but not in sync is still waited for. A server that does not answer counts as having none of them.
 */
export async function dropMoved(
  rollout: RolloutDetail,
  server: ServerAccess,
  others: readonly ServerAccess[],
  signal: AbortSignal,
): Promise<RolloutDetail> {
  const { mesh, proxies, asked, lagging } = rollout;
  if (others.length === 0 || proxies.lost + proxies.reconnecting === 0) return rollout;
  const list = (states: readonly LaggingProxy['state'][], most?: number): Promise<readonly ListedProxy[]> =>
    listOf(server, mesh, states, signal, most);
  try {
    const gone = await list(['lost', 'reconnecting']);
    const nodes = new Set(gone.map(({ node }) => node).filter((node) => node !== ''));
    const found = await mapFew(others, (other) => syncedAt(other, mesh, nodes, signal));
    const left = withoutMoved(rollout, gone, new Set(found.flatMap((some) => [...some])));
    // A server names a limited number of proxies, lost ones first: connected ones may be missing.
    const isNamed = asked.lacking <= lagging.length || left.lagging.length === mostLagging;
    return isNamed ? left : nameConnected(left, await list(['refused', 'stale', 'pending'], mostLagging));
  } catch (error) {
    // The server answered a moment ago. Its lost proxies are still lost.
    if (isNoAnswer(error)) return rollout;
    throw error;
  }
}

/**
 * Returns a roll-out without lost and reconnecting proxies that have moved. `gone`: all lost and reconnecting
 * proxies of the server, which were listed after the roll-out was read; `moved`: node ids.
 */
export function withoutMoved(
  rollout: RolloutDetail,
  gone: readonly ListedProxy[],
  moved: ReadonlySet<string>,
): RolloutDetail {
  const { proxies, asked } = rollout;
  const hasMoved = ({ node }: ListedProxy): boolean => node !== '' && moved.has(node);
  const left = gone.filter((proxy) => !hasMoved(proxy));
  const away = gone.filter(hasMoved);
  // More proxies may be lost since the roll-out was read: at least the remaining ones are waited for.
  const remaining = (before: number, fits: (proxy: ListedProxy) => boolean): number =>
    Math.max(before - away.filter(fits).length, left.filter(fits).length);
  const connectedLacking = asked.known ? proxies.connected - asked.proxies : 0;
  const lacking = remaining(asked.lacking - connectedLacking, (proxy) => lacks(rollout, proxy));
  const connected = rollout.lagging.filter(({ state }) => state !== 'lost' && state !== 'reconnecting');
  const named = left.filter((proxy) => lacks(rollout, proxy)).map(laggingOf);
  return {
    ...rollout,
    proxies: {
      ...proxies,
      lost: remaining(proxies.lost, ({ state }) => state === 'lost'),
      reconnecting: remaining(proxies.reconnecting, ({ state }) => state === 'reconnecting'),
    },
    asked: { ...asked, lacking: connectedLacking + lacking },
    lagging: [...named, ...connected].slice(0, mostLagging),
  };
}

/** Adds connected proxies to the named lagging ones. */
function nameConnected(rollout: RolloutDetail, connected: readonly ListedProxy[]): RolloutDetail {
  const key = ({ node, address }: LaggingProxy): string => `${node}\0${address}`;
  const known = new Set(rollout.lagging.map(key));
  const added = connected
    .filter((proxy) => lacks(rollout, proxy))
    .map(laggingOf)
    .filter((proxy) => !known.has(key(proxy)));
  return { ...rollout, lagging: [...rollout.lagging, ...added].slice(0, mostLagging) };
}

/** Returns true if a proxy lacks the requested version of the roll-out: its version is older or unknown. */
function lacks({ versions, asked }: RolloutDetail, { version }: ListedProxy): boolean {
  if (!asked.known) return false;
  const at = versions.findIndex((served) => served.version === version);
  return at === -1 || at > versions.findIndex((served) => served.version === asked.version);
}

function laggingOf(proxy: ListedProxy): LaggingProxy {
  const { node, address, state, behindSeconds, version, disconnectedAt, lastNack } = proxy;
  const message = state === 'refused' ? lastNack?.message : undefined;
  return { node, address, state, behindSeconds, version, disconnectedAt, message };
}

/** Returns the proxies of a mesh in these states, in this order. With `most`, stops after that many of a state. */
async function listOf(
  server: ServerAccess,
  mesh: string,
  states: readonly LaggingProxy['state'][],
  signal: AbortSignal,
  most = Infinity,
): Promise<readonly ListedProxy[]> {
  const proxies: ListedProxy[] = [];
  for (const state of states) {
    let found = 0;
    for await (const page of proxyPages(server, { mesh, state }, signal)) {
      proxies.push(...page.proxies.map((proxy) => ({ ...proxy, state })));
      found += page.proxies.length;
      if (found >= most) break;
    }
  }
  return proxies;
}

/** Returns which of the node ids are in sync at a server: none, if it does not answer. */
export async function syncedAt(
  server: ServerAccess,
  mesh: string,
  nodes: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  if (nodes.size <= mostLookedUp) {
    const states = await mapFew([...nodes], async (node) => [
      node,
      await stateAt(server, node, mesh, signal),
    ]);
    for (const [node, state] of states) if (node !== undefined && state === 'synced') found.add(node);
    return found;
  }
  try {
    for await (const { proxies } of proxyPages(server, { mesh, state: 'synced' }, signal))
      for (const { node } of proxies) if (nodes.has(node)) found.add(node);
  } catch (error) {
    if (!isNoAnswer(error)) throw error;
  }
  return found;
}

async function stateAt(
  server: ServerAccess,
  node: string,
  mesh: string,
  signal: AbortSignal,
): Promise<ProxyDetail['state'] | undefined> {
  const path = `/api/v1/proxies/${encodeURIComponent(node)}?mesh=${encodeURIComponent(mesh)}`;
  try {
    return ((await askServer(server, 'GET', path, signal)) as ProxyDetail).state;
  } catch (error) {
    if (isNoAnswer(error)) return undefined;
    throw error;
  }
}

/** Returns true if a server does not know the requested object, or cannot be reached. */
function isNoAnswer(error: unknown): boolean {
  if (error instanceof AnswerError) return true;
  return error instanceof CommandError && error.code === exitCode.unreachable;
}
