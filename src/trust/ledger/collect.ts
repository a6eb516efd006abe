import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Identity, TrustDomain } from '../model/mesh-trust.ts';
import type { Entry, Grant } from './entry.ts';
import { addShares } from './share.ts';
import type { Holdings, Share } from './share.ts';

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
export function collect(entries: ReadonlyMap<string, Entry>): {
  readonly holdings: Holdings;
  readonly conflicts: readonly Finding[];
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
  for (const rivals of definitions.values()) {
    if (rivals.length > 1) rivals.sort((a, b) => (a.path < b.path ? -1 : 1));
    const first = rivals.findIndex(({ grant }) => grant.settled);
    const end = first === -1 ? rivals.length : first + 1;
    for (const { grant } of rivals.slice(0, end)) addShares(holdings, grant.shares);
    const winner = rivals[end - 1];
    for (const { grant } of rivals.slice(end)) conflicts.push(conflict(grant, winner?.path ?? ''));
  }
  return { holdings, conflicts };
}

function conflict(loser: Grant, winner: string): Finding {
  return finding(
    'MT004',
    `the resource is also defined in ${winner}, which is first by path; that definition is used`,
    loser.resource.place,
  );
}
