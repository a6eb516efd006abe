import { mapBounded } from '../../net/map-bounded.ts';

/** Maximum number of concurrent requests to one server. A server accepts 256 connections in total. */
const atOnce = 8;

/** Calls `work` for all items, at most 8 at a time. Returns the results in the order of the items. */
export function mapFew<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  return mapBounded(items, atOnce, work);
}
