import { followIdentityFiles } from '../inputs/identity-files/follow-identity-files.ts';
import type { Pipeline } from '../runtime/pipeline.ts';
import { caFilesNamedBy, identityFilesSource } from '../trust/identity/ca-files.ts';
import type { LedgerEvent } from '../trust/ledger/ledger.ts';
import type { Source } from '../trust/source.ts';
import type { Deliver } from './source-delivery.ts';

/** Follows the files below a root, if there is one, that the MeshIdentities of all other sources name. */
export function startIdentityFiles(
  root: string | undefined,
  pipeline: Pick<Pipeline, 'observeInput'>,
  deliver: Deliver,
  sources: readonly string[],
): Source | undefined {
  if (root === undefined) return undefined;
  const source = followIdentityFiles({ name: identityFilesSource, root }, (events) =>
    deliver(identityFilesSource, events),
  );
  const named = new Map<string, readonly string[]>();
  pipeline.observeInput((from, events) => {
    if (!sources.includes(from)) return;
    let hasChanged = false;
    for (const event of events) {
      const paths = pathsOf(event);
      if (paths === undefined || !('path' in event)) continue;
      const key = `${from}\0${event.path}`;
      hasChanged ||= paths.length > 0 || named.has(key);
      if (paths.length > 0) named.set(key, paths);
      else named.delete(key);
    }
    if (hasChanged) source.follow(new Set([...named.values()].flat()));
  });
  return source;
}

/** Returns the files that the newest version of a path names; `undefined` if it says nothing about that. */
function pathsOf(event: LedgerEvent): readonly string[] | undefined {
  if (event.kind === 'gone') return [];
  // The last good version stays in force, so its files are still followed.
  if (event.kind !== 'version' || event.parsed.kind === 'refused') return undefined;
  return caFilesNamedBy(event.parsed);
}
