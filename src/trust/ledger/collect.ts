import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Identity, MeshTrust, TrustDomain } from '../model/mesh-trust.ts';
import type { Entry, Grant } from './entry.ts';
import { addShares } from './share.ts';
import type { Holdings, Share } from './share.ts';
import { compareText } from '../../text/compare-text.ts';

/** One definition of a resource, with the file or object that contains it. */
interface Definition {
  readonly path: string;
  readonly grant: Grant;
}

/**
 * Collects the shares of one source by mesh and trust domain. If several files define one identity, the first file by
 * path is used, independent of the order in which they were read. A file that is not settled yet may still be in the
 * middle of a write, so the definitions after it are used as well, up to the first settled one. So are those after an
 * unconfirmed path, which only an earlier run is known to have read: the file may have been renamed since.
 */
export function collectShares(
  entries: ReadonlyMap<string, Entry>,
  unconfirmed: ReadonlySet<string>,
): {
  readonly holdings: Holdings;
  readonly conflicts: readonly Finding[];
  /** The resources in force with annotations of a rotation, or with the record of forced steps of an earlier one. */
  readonly rotating: readonly MeshTrust[];
} {
  const definitions = new Map<Identity, Definition[]>();
  for (const [path, { grants }] of entries) {
    for (const grant of grants) {
      const others = definitions.get(grant.resource.identity);
      if (others === undefined) definitions.set(grant.resource.identity, [{ path, grant }]);
      else others.push({ path, grant });
    }
  }
  const holdings = new Map<string, Map<TrustDomain, Share[]>>();
  const conflicts: Finding[] = [];
  const rotating: MeshTrust[] = [];
  for (const candidates of definitions.values()) {
    if (candidates.length > 1) candidates.sort((a, b) => compareText(a.path, b.path));
    const { used, unused } = choose(candidates, unconfirmed);
    for (const { grant } of used) addShares(holdings, grant.shares);
    const last = used.at(-1);
    const resource = last?.grant.resource;
    if (resource?.rotation !== undefined || resource?.forcedSteps !== undefined) rotating.push(resource);
    // An unconfirmed file may no longer exist, so no finding asks people to change it.
    for (const { path, grant } of unused)
      if (!unconfirmed.has(path)) conflicts.push(conflict(grant, last?.path ?? ''));
  }
  return { holdings, conflicts, rotating };
}

/** Divides the definitions of a resource, sorted by path, into those that are in force and those that are not. */
function choose(
  candidates: readonly Definition[],
  unconfirmed: ReadonlySet<string>,
): { readonly used: readonly Definition[]; readonly unused: readonly Definition[] } {
  const used: Definition[] = [];
  const unused: Definition[] = [];
  let hasSettled = false;
  let hasUnconfirmed = false;
  for (const candidate of candidates) {
    const isUnconfirmed = unconfirmed.has(candidate.path);
    // A later definition of an earlier run was not in force then either.
    if (hasSettled || (isUnconfirmed && hasUnconfirmed)) unused.push(candidate);
    else {
      used.push(candidate);
      if (isUnconfirmed) hasUnconfirmed = true;
      else hasSettled = candidate.grant.settled;
    }
  }
  return { used, unused };
}

function conflict(unused: Grant, usedPath: string): Finding {
  return finding(
    'MT004',
    `the resource is also defined in ${usedPath}, which is first by path; that definition is used`,
    unused.resource.place,
  );
}
