/** Maximum number of concurrent requests to one server. A server accepts 256 connections in total. */
const atOnce = 8;

/** Calls `work` for all items, at most 8 at a time. Returns the results in the order of the items. */
export async function mapFew<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const rest = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of rest) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
}
