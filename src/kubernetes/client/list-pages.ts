import { setTimeout as delay } from 'node:timers/promises';

import type { ApiClient } from './api-client.ts';
import { resourceVersionOf, selectorOf } from './api-object.ts';
import type { ApiObject, WatchedResource } from './api-object.ts';
import { refusedRequest, unreachable, unreadable } from './request-failure.ts';
import type { WatchInput } from './watch-types.ts';
import { createListBudget } from '../../net/list-budget.ts';
import type { ListLimits } from '../../net/list-budget.ts';
import { createPageSize } from '../../net/page-size.ts';
import type { PageSize } from '../../net/page-size.ts';
import { asMapping, parseJson } from '../../text/json.ts';

/**
 * Maximum length of a page of several objects, in characters. It is usually a few MiB, which are parsed at once; with
 * 500 objects of the most that etcd accepts (1.5 MiB), it would be longer than the longest string of V8 (512 MiB).
 */
const maxLength = 32 * 2 ** 20;
/** Maximum length of a page that cannot be smaller: an API server may ignore the number of objects. */
const maxLastLength = 256 * 2 ** 20;
/**
 * Pages that break off do not become smaller than half of this number of objects. With one object per page, a list of
 * tens of thousands would take longer than the five minutes for which its token is valid, and would never end.
 */
const fewObjects = 100;
/** Maximum time for one page, in milliseconds. */
const pageMs = 60_000;
const maxErrorLength = 64 * 1024;

/** Lists all objects of a resource. */
export type Lister = (signal: AbortSignal) => AsyncGenerator<WatchInput, void, undefined>;

/**
 * Returns a function that lists all objects of a resource at `path`, in pages of one consistent state. It is the most
 * recent state, because the request has no resource version. Yields one result: all pages together, or the failure of
 * one page (410 if the state was compacted meanwhile). A list beyond the limits is a failure, too. Never throws. The
 * lists share the number of objects per page.
 */
export function createLister(
  client: ApiClient,
  path: string,
  resource: WatchedResource,
  limits?: ListLimits,
): Lister {
  const pageSize = createPageSize({ most: 500, least: 1, maxLength });
  return async function* list(signal) {
    try {
      for (;;) {
        const result = await readPages({ client, path, resource, pageSize, signal, limits });
        if (result !== 'too long') return yield result;
        // The token of a list is only valid with the same limit, so the list starts again.
        if (!pageSize.halve())
          return yield unreadable(`a page of one object with more than ${maxLastLength} characters`);
      }
    } catch (error) {
      yield unreachable(error);
    }
  };
}

interface ListRequest {
  readonly client: ApiClient;
  readonly path: string;
  readonly resource: WatchedResource;
  readonly pageSize: PageSize;
  readonly signal: AbortSignal;
  readonly limits: ListLimits | undefined;
}

async function readPages(request: ListRequest): Promise<WatchInput | 'too long'> {
  const { client, path, resource, pageSize, signal, limits } = request;
  const budget = createListBudget(limits);
  const objects: ApiObject[] = [];
  const query = new URLSearchParams({ limit: String(pageSize.current), ...selectorOf(resource) });
  const limit = pageSize.current > 1 ? maxLength : maxLastLength;
  let longest = 0;
  for (;;) {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(pageMs)]);
    const { status, retryAfterMs, body } = await client.get(`${path}?${query.toString()}`, limited);
    if (status !== 200)
      return refusedRequest({ status, retryAfterMs }, await readText(body, maxErrorLength), resource);
    const text = await readPage(body, limit, pageSize);
    if (text.length > limit) return 'too long';
    longest = Math.max(longest, text.length);
    const list = asMapping(parseJson(text));
    const resourceVersion = resourceVersionOf(list);
    const items = list?.['items'];
    if (resourceVersion === undefined || !Array.isArray(items)) return unreadable('an invalid list');
    const page: ApiObject[] = [];
    for (const item of items) {
      const object = resource.read(item);
      if (object === undefined) return unreadable('an invalid list: an item has no name');
      page.push(object);
    }
    const excess = budget.add(page);
    if (excess !== undefined) return unreadable(`an invalid list: ${excess}`);
    // Not with a spread: a page of a server that ignores the limit may have more objects than a call has arguments.
    for (const object of page) objects.push(object);
    const next = asMapping(list?.['metadata'])?.['continue'];
    if (typeof next !== 'string' || next === '') {
      pageSize.listed(longest);
      return { kind: 'listed', objects, resourceVersion };
    }
    query.set('continue', next);
    // The event loop serves proxies between two pages.
    await delay(0, undefined, { signal });
  }
}

/** Reads a page. If it breaks off, it may have taken too long: the list fails, and the next one has smaller pages. */
async function readPage(body: NodeJS.ReadableStream, limit: number, pageSize: PageSize): Promise<string> {
  try {
    return await readText(body, limit);
  } catch (error) {
    if (pageSize.current >= fewObjects) pageSize.halve();
    throw error;
  }
}

/** Reads a body as text. Stops when it is longer than the limit. */
export async function readText(body: NodeJS.ReadableStream, limit: number): Promise<string> {
  body.setEncoding('utf8');
  let text = '';
  for await (const piece of body) {
    text += String(piece);
    if (text.length > limit) break;
  }
  return text;
}
