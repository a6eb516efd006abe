import type { OtherDocument } from '../model/parse-file.ts';
import { compareText } from '../../text/compare-text.ts';

/** Counts the documents of each kind, by the label of the kind. */
export function countKinds(others: Iterable<OtherDocument>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { label } of others) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}

/** Formats counts by kind on one line: `2 ConfigMap, 1 without a kind`, or `nothing`. */
export function describeKinds(counts: ReadonlyMap<string, number>): string {
  if (counts.size === 0) return 'nothing';
  return [...counts]
    .sort(([a], [b]) => compareText(a, b))
    .map(([label, count]) => `${count} ${label}`)
    .join(', ');
}
