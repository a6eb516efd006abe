import { countKinds, describeKinds, isUnnamed } from './document-kind.ts';
import type { OtherDocument } from './parse-file.ts';

/**
 * Returns the kinds of the documents that replaced the resources of a file. Returns `undefined` if the resources were
 * clearly removed on purpose: then a resource is left, or another document of the earlier version is still in the file.
 *
 * @param before - The other documents of the earlier version.
 * @param others - Those of the new version.
 * @param isOneLeft - Whether the new version has a resource.
 */
export function replacementOf(
  before: readonly OtherDocument[],
  others: readonly OtherDocument[],
  isOneLeft: boolean,
): string | undefined {
  const added = withoutKnown(others, before);
  const isOnPurpose = isOneLeft || added.length < others.length;
  const unnamed = added.filter(({ label }) => isUnnamed(label));
  if (isOnPurpose && unnamed.length === 0) return undefined;
  return describeKinds(countKinds(isOnPurpose ? unnamed : others));
}

/** Returns the documents that are new. Documents without a name share one id, so documents are counted by id. */
function withoutKnown(
  others: readonly OtherDocument[],
  before: readonly OtherDocument[],
): readonly OtherDocument[] {
  const known = new Map<string, number>();
  for (const { id } of before) known.set(id, (known.get(id) ?? 0) + 1);
  return others.filter(({ id }) => {
    const left = known.get(id) ?? 0;
    known.set(id, left - 1);
    return left <= 0;
  });
}
