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
 * middle of a write, so the definitions after it are used as well.
 */
export function collectShares(entries: ReadonlyMap<string, Entry>): {
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
    const firstSettled = candidates.findIndex(({ grant }) => grant.settled);
    const end = firstSettled === -1 ? candidates.length : firstSettled + 1;
    for (const { grant } of candidates.slice(0, end)) addShares(holdings, grant.shares);
    const used = candidates[end - 1];
    const resource = used?.grant.resource;
    if (resource?.rotation !== undefined || resource?.forcedSteps !== undefined) rotating.push(resource);
    for (const { grant } of candidates.slice(end)) conflicts.push(conflict(grant, used?.path ?? ''));
  }
  return { holdings, conflicts, rotating };
}

function conflict(unused: Grant, usedPath: string): Finding {
  return finding(
    'MT004',
    `the resource is also defined in ${usedPath}, which is first by path; that definition is used`,
    unused.resource.place,
  );
}
