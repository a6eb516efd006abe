import type { LaggingProxy, ProxyDetail, RolloutDetail } from '../../api/fleet-api-types.ts';
import { AnswerError, askServer } from './ask-server.ts';
import { CommandError, exitCode } from '../terminal/exit-code.ts';
import { mapFew } from '../terminal/map-few.ts';
import type { ServerAccess } from './server-options.ts';

/**
 * Asks the other servers for the proxies that a rollout of one server names as lost or reconnecting: one that is in
 * sync at another server has only moved. One that is connected there but not in sync is still waited for. A server
 * that does not answer has none of them.
 */
export async function dropMoved(
  rollout: RolloutDetail,
  others: readonly ServerAccess[],
  signal: AbortSignal,
): Promise<RolloutDetail> {
  const asked = rollout.lagging.filter((proxy) => isGone(proxy) && proxy.node !== '');
  if (asked.length === 0 || others.length === 0) return rollout;
  const found = await mapFew(asked, async ({ node }) => {
    const states = await Promise.all(others.map((other) => stateAt(other, node, rollout.mesh, signal)));
    return states.includes('synced') ? [node] : [];
  });
  return withoutMoved(rollout, new Set(found.flat()));
}

/** A rollout without the lost and reconnecting proxies of these node ids. */
export function withoutMoved(rollout: RolloutDetail, moved: ReadonlySet<string>): RolloutDetail {
  const { proxies, asked, lagging } = rollout;
  const dropped = lagging.filter((proxy) => isGone(proxy) && moved.has(proxy.node));
  const lost = dropped.filter(({ state }) => state === 'lost').length;
  return {
    ...rollout,
    proxies: {
      ...proxies,
      lost: proxies.lost - lost,
      reconnecting: proxies.reconnecting - (dropped.length - lost),
    },
    asked: { ...asked, lacking: asked.lacking - dropped.length },
    lagging: lagging.filter((proxy) => !dropped.includes(proxy)),
  };
}

function isGone({ state }: LaggingProxy): boolean {
  return state === 'lost' || state === 'reconnecting';
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
    const isNone = error instanceof AnswerError;
    const isAway = error instanceof CommandError && error.code === exitCode.unreachable;
    if (isNone || isAway) return undefined;
    throw error;
  }
}
