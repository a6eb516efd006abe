import type { ProxyList } from '../../../src/api/fleet-api-types.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import type { PageStage } from './page-stage.ts';

/** Waits until the proxies of a server have acknowledged or rejected the served version. */
export async function settled(server: Meshtrust, count: number): Promise<void> {
  await poll('the answers of the proxies', async () => {
    const { body } = await server.admin('/api/v1/proxies');
    const states = (JSON.parse(body) as ProxyList).proxies.map(({ state }) => state);
    return states.length === count && states.every((state) => state === 'synced' || state === 'refused')
      ? true
      : undefined;
  });
}

/** Starts a server, and proxies that acknowledge. */
export async function serve(
  stage: PageStage,
  paths: readonly string[],
  nodes: readonly string[],
  ...args: readonly string[]
): Promise<Meshtrust> {
  const server = await stage.serve(paths, ...args);
  stage.proxies(...nodes);
  await settled(server, nodes.length);
  return server;
}

/** Returns node ids `edge-1…`. */
export function edges(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `edge-${index + 1}`);
}
