import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import type { Identity, TrustDomain } from '../model/mesh-trust.ts';
import type { Entry, Grant } from './entry.ts';
import { addShares } from './share.ts';
import type { Holdings, Share } from './share.ts';

/**
 * Everything that one source gives, by mesh and trust domain. Of two definitions of one identity in
 * different files the first by path counts, whatever the order in which they were read.
 */
export function collect(entries: ReadonlyMap<string, Entry>): {
  readonly holdings: Holdings;
  readonly conflicts: readonly Finding[];
} {
  const winners = new Map<Identity, { readonly path: string; readonly grant: Grant }>();
  const conflicts: Finding[] = [];
  for (const [path, entry] of entries) {
    for (const grant of entry.grants) {
      const { identity } = grant.resource;
      const other = winners.get(identity);
      if (other === undefined || path < other.path) winners.set(identity, { path, grant });
      if (other !== undefined)
        conflicts.push(
          conflict(path < other.path ? other.grant : grant, path < other.path ? path : other.path),
        );
    }
  }
  const holdings = new Map<string, Map<TrustDomain, Share[]>>();
  for (const { grant } of winners.values()) addShares(holdings, grant.shares);
  return { holdings, conflicts };
}

function conflict(loser: Grant, winner: string): Finding {
  return finding(
    'MT004',
    `${winner} defines this resource too, and comes first by path: that definition is used`,
    loser.resource.place,
  );
}
