import type { FleetLook } from './fleet.ts';
import { proxyKey } from './records.ts';
import type { ProxyName } from './records.ts';

/** A proxy that lost its connection. The server asks other servers whether the proxy is connected to them. */
export interface LostProxyKey extends ProxyName {
  /** When its connection ended, in epoch milliseconds. It distinguishes several losses of the same proxy. */
  readonly goneAt: number;
}

/** The longest node id in a query, in characters: the space in a query is small. */
const longestNode = 200;

/** Returns the proxies that roll-outs may wait for, last disconnected first. `now`: epoch milliseconds. */
export function lostProxies({ gone }: Pick<FleetLook, 'gone'>, now: number): readonly LostProxyKey[] {
  return [...gone]
    .filter(({ node, mesh, countedUntil }) => {
      const fits = node !== '' && node.length <= longestNode && mesh.length <= longestNode;
      return fits && countedUntil > now;
    })
    .sort((a, b) => b.goneAt - a.goneAt)
    .map(({ mesh, node, goneAt }) => ({ mesh, node, goneAt }));
}

/** Returns the given proxies that are connected to this server. */
export function connectedOf(
  { connected }: Pick<FleetLook, 'connected'>,
  asked: readonly LostProxyKey[],
): readonly LostProxyKey[] {
  const wanted = Map.groupBy(asked, proxyKey);
  const found: LostProxyKey[] = [];
  for (const proxy of connected) found.push(...(wanted.get(proxyKey(proxy)) ?? []));
  return found;
}
