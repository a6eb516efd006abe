/** The most that one list may have. */
export interface ListLimits {
  readonly items: number;
  /** The length of all texts that are kept, in characters. */
  readonly characters: number;
  /** The time for all pages, in milliseconds. */
  readonly ms: number;
}

/**
 * For a list of another party, such as a Global control plane: many times what the largest mesh has, and less than what
 * a server has for all else.
 */
export const defaultListLimits: ListLimits = {
  items: 100_000,
  characters: 128 * 1024 * 1024,
  ms: 600_000,
};

/**
 * For a list of the cluster of this server, where only its own people create objects, and a failed list keeps all later
 * changes from the proxies: a quarter of the space that etcd has by default.
 */
export const clusterListLimits: ListLimits = {
  ...defaultListLimits,
  items: 1_000_000,
  characters: 512 * 1024 * 1024,
};

/** Counts what the pages of a list have. */
export interface ListBudget {
  /** Adds a page. Returns why the list counts as failed, or `undefined`. */
  add(texts: readonly { readonly text: string }[]): string | undefined;
}

/**
 * Starts to count. A server that sends pages without end would otherwise take all memory, and its list would never
 * fail, so no finding would say that it is out of date.
 */
export function createListBudget(limits: ListLimits = defaultListLimits): ListBudget {
  const begin = performance.now();
  let items = 0;
  let characters = 0;
  return {
    add(texts) {
      items += texts.length;
      for (const { text } of texts) characters += text.length;
      if (items > limits.items) return `the list has more than ${limits.items} resources`;
      if (characters > limits.characters)
        return `the resources of the list have more than ${limits.characters} characters`;
      if (performance.now() - begin > limits.ms) return `the list does not end within ${limits.ms / 1000} s`;
      return undefined;
    },
  };
}
