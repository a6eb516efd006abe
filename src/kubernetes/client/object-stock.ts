import { defaultListLimits } from '../../net/list-budget.ts';
import type { ListLimits } from '../../net/list-budget.ts';
import type { WatchInput } from './watch-types.ts';

/** Counts the objects that an API server has sent, in lists and in watches. */
export interface ObjectStock {
  /** Adds what an input has. Returns why it must not be applied, or `undefined`. */
  add(input: WatchInput): string | undefined;
}

/**
 * Creates an empty stock with the limits of a list. A list has its own limits; a watch could add objects to it without
 * end.
 */
export function createObjectStock({ items, characters }: ListLimits = defaultListLimits): ObjectStock {
  const lengths = new Map<string, number>();
  let total = 0;
  const put = (path: string, length: number): void => {
    total += length - (lengths.get(path) ?? 0);
    lengths.set(path, length);
  };
  const remove = (path: string): void => {
    total -= lengths.get(path) ?? 0;
    lengths.delete(path);
  };
  return {
    add(input) {
      if (input.kind === 'listed') {
        lengths.clear();
        total = 0;
        for (const { path, text } of input.objects) put(path, text.length);
        return undefined;
      }
      if (input.kind !== 'changed') return undefined;
      for (const change of input.changes)
        if (change.kind === 'put') put(change.object.path, change.object.text.length);
        else if (change.kind === 'deleted') remove(change.path);
      if (lengths.size > items) return `more than ${items} objects`;
      return total > characters ? `objects of more than ${characters} characters` : undefined;
    },
  };
}
