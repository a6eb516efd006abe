import type { FleetLook } from './fleet.ts';

/** A proxy that lost its connection to a server, which asks other servers whether they have it. */
export interface LostProxyKey {
  readonly mesh: string;
  readonly node: string;
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
  const wanted = Map.groupBy(asked, keyOf);
  const found: LostProxyKey[] = [];
  for (const proxy of connected) found.push(...(wanted.get(keyOf(proxy)) ?? []));
  return found;
}

function keyOf({ mesh, node }: Pick<LostProxyKey, 'mesh' | 'node'>): string {
  return `${mesh}\0${node}`;
}
