import { createListBudget } from '../../net/list-budget.ts';
import type { ListLimits } from '../../net/list-budget.ts';
import { createPageSize } from '../../net/page-size.ts';
import type { PageSize } from '../../net/page-size.ts';
import { asMapping } from '../../text/json.ts';
import { reasonWithPlace } from '../../text/system-error.ts';
import type { ListedResource, PollInput } from './poll-state.ts';
import { maxBytes, TooLong } from './rest-client.ts';
import type { RestAnswer, RestClient } from './rest-client.ts';
import type { UniversalResource } from './universal-resource.ts';

/** Maximum time for one page, in milliseconds. */
const pageMs = 60_000;

/** The result of a list, or the absence of the kind of resource at the server. */
type ListResult = PollInput | { readonly kind: 'absent' };

/** Lists resources. */
export type Lister = (signal: AbortSignal) => Promise<ListResult>;

/**
 * Returns a function that lists the resources of all meshes, page by page. A list counts only if it is complete: the
 * number of resources is the total of its last page. Each page after the first begins with the last resource of the
 * page before. If it does not, a resource was added or removed meanwhile, and another one may have slipped to a page
 * that was read already. A page that is too long is read again with half as many resources, and so are the next pages
 * and lists. A list beyond the limits counts as failed. Never throws.
 */
export function createLister(client: RestClient, resource: UniversalResource, limits?: ListLimits): Lister {
  // The most is Kuma's largest page. A page after the first repeats one resource, so the least is two.
  const pageSize = createPageSize({ most: 1000, least: 2, maxLength: maxBytes });
  return async (signal) => {
    try {
      return await readPages({ client, resource, pageSize, signal, limits });
    } catch (error) {
      return failed(reasonWithPlace(error));
    }
  };
}

interface ListRequest {
  readonly client: RestClient;
  readonly resource: UniversalResource;
  readonly pageSize: PageSize;
  readonly signal: AbortSignal;
  readonly limits: ListLimits | undefined;
}

async function readPages(request: ListRequest): Promise<ListResult> {
  const { client, pageSize, signal, limits } = request;
  const { plural, read } = request.resource;
  const budget = createListBudget(limits);
  const resources: ListedResource[] = [];
  let longest = 0;
  for (;;) {
    const offset = Math.max(0, resources.length - 1);
    const { status, body, length } = await readPage(client, plural, offset, pageSize, signal);
    longest = Math.max(longest, length);
    if (status === 404) return resources.length === 0 ? { kind: 'absent' } : failed(changed);
    if (status !== 200) return failed(statusReason(status, plural));
    const { items, total, next } = asMapping(body) ?? {};
    if (!Array.isArray(items) || typeof total !== 'number') return failed('the response is not a list');
    const page: ListedResource[] = [];
    for (const item of items) {
      const one = read(item);
      if (one === undefined) return failed('the response is not a list: an item has no type, name or mesh');
      page.push(one);
    }
    const excess = budget.add(page);
    if (excess !== undefined) return failed(excess);
    const last = resources.pop();
    if (last !== undefined && last.path !== page[0]?.path) return failed(changed);
    resources.push(...page);
    if (resources.length >= total && next == null) {
      const isComplete =
        resources.length === total && new Set(resources.map(({ path }) => path)).size === total;
      if (!isComplete) return failed(changed);
      pageSize.listed(longest);
      return { kind: 'listed', resources };
    }
    if (page.length <= (last === undefined ? 0 : 1)) return failed('the list ends before its total');
  }
}

async function readPage(
  client: RestClient,
  plural: string,
  offset: number,
  pageSize: PageSize,
  signal: AbortSignal,
): Promise<RestAnswer> {
  for (;;) {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(pageMs)]);
    try {
      return await client.get(`/${plural}?size=${pageSize.current}&offset=${offset}`, limited);
    } catch (error) {
      if (!(error instanceof TooLong) || !pageSize.halve()) throw error;
    }
  }
}

/** Two pages that overlap or leave a gap are of two states. */
const changed = 'the list changed while it was read';

function failed(reason: string): ListResult {
  return { kind: 'failed', reason };
}

function statusReason(status: number, plural: string): string {
  switch (status) {
    case 401:
      return 'the server does not accept the token (401)';
    case 403:
      return `the user of the token may not list ${plural} (403)`;
    default:
      return `the server answered with status ${status}`;
  }
}
