import { federationSource } from '../trust/federation/relationship.ts';
import type { EventsBySource, IdentityStage } from '../trust/identity/identity-stage.ts';
import type { ImportStage } from '../trust/imports/import-stage.ts';
import type { LedgerEvent } from '../trust/ledger/ledger.ts';

/** The stages between parsing and the ledger. Times are epoch milliseconds. */
export interface TrustStages {
  /** Returns the events for the ledger that follow from those of a source. */
  apply(source: string, events: readonly LedgerEvent[], now: number): EventsBySource;
  /** Applies what is due at this time. */
  tick(now: number): EventsBySource;
  /** Returns when `tick` is due. */
  nextEnd(): number | undefined;
}

/**
 * Joins the stages that are used: imports take their own sources, and MeshIdentities all others. Fetched bundles pass
 * by: as a MeshTrust, a bundle has the name of the resource of its peer, which may be that of a MeshIdentity. It would
 * then count as the publication of its CA, and replace the CA that follows from the MeshIdentity.
 */
export function createTrustStages(
  identities: IdentityStage | undefined,
  imports: ImportStage | undefined,
): TrustStages {
  /** Imports depend on the trust domains that this zone has by itself. */
  const followOwn = (): EventsBySource =>
    imports !== undefined && identities !== undefined ? imports.setOwn(identities.trustDomains()) : new Map();
  followOwn();
  return {
    apply(source, events, now) {
      if (imports?.reads(source) === true) return imports.apply(source, events, now);
      if (identities === undefined || source === federationSource) return new Map([[source, events]]);
      return joinEvents(identities.apply(source, events, now), followOwn());
    },
    tick(now) {
      const isDue = (end: number | undefined): boolean => end !== undefined && end <= now;
      return joinEvents(
        identities !== undefined && isDue(identities.nextEnd()) ? identities.tick(now) : new Map(),
        imports !== undefined && isDue(imports.nextEnd()) ? imports.tick(now) : new Map(),
      );
    },
    nextEnd() {
      const ends = [identities?.nextEnd(), imports?.nextEnd()].filter((end) => end !== undefined);
      return ends.length === 0 ? undefined : Math.min(...ends);
    },
  };
}

/** Joins events of different sources. */
function joinEvents(first: EventsBySource, second: EventsBySource): EventsBySource {
  return second.size === 0 ? first : new Map([...first, ...second]);
}
