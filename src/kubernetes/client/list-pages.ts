import { setTimeout as delay } from 'node:timers/promises';

import type { ApiClient } from './api-client.ts';
import { resourceVersionOf, selectorOf } from './api-object.ts';
import type { ApiObject, WatchedResource } from './api-object.ts';
import { refusedRequest, unreachable, unreadable } from './request-failure.ts';
import type { WatchInput } from './watch-types.ts';
import { asMapping, parseJson } from '../../text/json.ts';

/** Objects per page: a few MiB of JSON, which are parsed at once. */
const pageSize = 500;
/** Maximum time for one page, in milliseconds. */
const pageMs = 60_000;
const maxErrorLength = 64 * 1024;

/**
 * Lists all objects of a resource at `path`, in pages of one consistent state. It is the most recent state, because the
 * request has no resource version. Yields one result: all pages together, or the failure of one page (410 if the state
 * was compacted meanwhile). Never throws.
 */
export async function* listPages(
  client: ApiClient,
  path: string,
  resource: WatchedResource,
  signal: AbortSignal,
): AsyncGenerator<WatchInput, void, undefined> {
  try {
    yield await readPages(client, path, resource, signal);
  } catch (error) {
    yield unreachable(error);
  }
}

async function readPages(
  client: ApiClient,
  path: string,
  resource: WatchedResource,
  signal: AbortSignal,
): Promise<WatchInput> {
  const objects: ApiObject[] = [];
  const query = new URLSearchParams({ limit: String(pageSize), ...selectorOf(resource) });
  for (;;) {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(pageMs)]);
    const { status, retryAfterMs, body } = await client.get(`${path}?${query.toString()}`, limited);
    const text = await readText(body, status === 200 ? Infinity : maxErrorLength);
    if (status !== 200) return refusedRequest({ status, retryAfterMs }, text, resource);
    const list = asMapping(parseJson(text));
    const resourceVersion = resourceVersionOf(list);
    const items = list?.['items'];
    if (resourceVersion === undefined || !Array.isArray(items)) return unreadable('an invalid list');
    for (const item of items) {
      const object = resource.read(item);
      if (object === undefined) return unreadable('an invalid list: an item has no name');
      objects.push(object);
    }
    const next = asMapping(list?.['metadata'])?.['continue'];
    if (typeof next !== 'string' || next === '') return { kind: 'listed', objects, resourceVersion };
    query.set('continue', next);
    // The event loop serves proxies between two pages.
    await delay(0, undefined, { signal });
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
