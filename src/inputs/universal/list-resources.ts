import { asMapping } from '../../text/json.ts';
import { reasonWithPlace } from '../../text/system-error.ts';
import type { ListedResource, PollInput } from './poll-state.ts';
import type { RestClient } from './rest-client.ts';
import type { UniversalResource } from './universal-resource.ts';

/** Kuma's largest page. */
const pageSize = 1000;
/** Maximum time for one page, in milliseconds. */
const pageMs = 60_000;

/** The result of a list, or the absence of the kind of resource at the server. */
export type ListResult = PollInput | { readonly kind: 'absent' };

/**
 * Lists the resources of all meshes, page by page. A list counts only if it is complete: the number of resources is the
 * total of its last page. Each page after the first begins with the last resource of the page before. If it does not, a
 * resource was added or removed meanwhile, and another one may have slipped to a page that was read already. Never
 * throws.
 */
export async function listResources(
  client: RestClient,
  resource: UniversalResource,
  signal: AbortSignal,
): Promise<ListResult> {
  try {
    return await readPages(client, resource, signal);
  } catch (error) {
    return failed(reasonWithPlace(error));
  }
}

async function readPages(
  client: RestClient,
  { plural, read }: UniversalResource,
  signal: AbortSignal,
): Promise<ListResult> {
  const resources: ListedResource[] = [];
  for (;;) {
    const offset = Math.max(0, resources.length - 1);
    const limited = AbortSignal.any([signal, AbortSignal.timeout(pageMs)]);
    const { status, body } = await client.get(`/${plural}?size=${pageSize}&offset=${offset}`, limited);
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
    const last = resources.pop();
    if (last !== undefined && last.path !== page[0]?.path) return failed(changed);
    resources.push(...page);
    if (resources.length >= total && next == null) {
      const isComplete =
        resources.length === total && new Set(resources.map(({ path }) => path)).size === total;
      return isComplete ? { kind: 'listed', resources } : failed(changed);
    }
    if (page.length <= (last === undefined ? 0 : 1)) return failed('the list ends before its total');
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
