import type { ProxyList, ProxySummary } from '../../api/fleet-api-types.ts';
import { askServer } from './ask-server.ts';
import type { ServerAccess } from './server-options.ts';

/** The filters of `GET /api/v1/proxies`. */
export interface ProxyFilters {
  readonly mesh?: string | undefined;
  readonly state?: ProxySummary['state'] | undefined;
}

/** Number of proxies in a page; the maximum of the server. */
const pageSize = 2_000;

/**
 * Yields the proxies of a server page by page. Requests a page only when the caller reads it.
 * @throws {CommandError} as `askServer` does.
 */
export async function* proxyPages(
  server: ServerAccess,
  { mesh, state }: ProxyFilters,
  signal: AbortSignal,
): AsyncGenerator<ProxyList, void, undefined> {
  let after: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(pageSize) });
    for (const [name, value] of Object.entries({ mesh, state, after }))
      if (value !== undefined) query.set(name, value);
    const list = (await askServer(server, 'GET', `/api/v1/proxies?${query.toString()}`, signal)) as ProxyList;
    yield list;
    after = list.next;
  } while (after !== undefined);
}
