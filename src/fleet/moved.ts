import type { FleetLook } from './fleet.ts';
import { proxyKey } from './proxy-name.ts';
import type { ProxyName } from './proxy-name.ts';

/** A proxy that lost its connection to a server, which asks other servers whether they have it. */
export interface LostProxyKey extends ProxyName {
  /** When its connection ended, epoch milliseconds: another loss of the same proxy is another question. */
  readonly goneAt: number;
}

/** Node ids that are longer are not asked for: there is little room for them. */
const longestNode = 200;

/** The proxies that roll-outs may wait for, those that left last first. `now`: epoch milliseconds. */
export function lostProxies({ gone }: Pick<FleetLook, 'gone'>, now: number): readonly LostProxyKey[] {
  return [...gone]
    .filter(({ node, mesh, countedUntil }) => {
      const fits = node !== '' && node.length <= longestNode && mesh.length <= longestNode;
      return fits && countedUntil > now;
    })
    .sort((a, b) => b.goneAt - a.goneAt)
    .map(({ mesh, node, goneAt }) => ({ mesh, node, goneAt }));
}

/** Those of the proxies that are connected here. */
export function connectedOf(
  { connected }: Pick<FleetLook, 'connected'>,
  asked: readonly LostProxyKey[],
): readonly LostProxyKey[] {
  const wanted = Map.groupBy(asked, proxyKey);
  const found: LostProxyKey[] = [];
  for (const proxy of connected) found.push(...(wanted.get(proxyKey(proxy)) ?? []));
  return found;
}
