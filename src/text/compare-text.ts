/**
 * Compares two texts for sorting, by code units, as `sort()` does. The order does not depend on a locale: replicas must
 * agree on it. An absent text comes first.
 */
export function compareText(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
