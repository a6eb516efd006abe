import { caCount, stateOf } from '../trust/federation/relationship-status.ts';
import type { RelationshipStatus } from '../trust/federation/relationship-status.ts';
import { compareText } from '../text/compare-text.ts';
import type { FederationRelationship } from './federation-api-types.ts';
import { presentTime } from './present-time.ts';

/** Returns the relationships for the API, sorted by mesh and trust domain. */
export function presentFederation(
  statuses: readonly RelationshipStatus[],
): readonly FederationRelationship[] {
  return statuses
    .toSorted((a, b) => compareText(a.relationship.key, b.relationship.key))
    .map((status) => {
      const { relationship, document, dates, origin, error, etag, intervalMs } = status;
      const { mesh, trustDomain, name, url, profile, place } = relationship;
      return {
        mesh,
        trustDomain,
        name,
        place: place.line === undefined ? (place.file ?? '') : `${place.file ?? ''}:${place.line}`,
        url,
        profile: profile.kind,
        endpointSpiffeId: profile.kind === 'https_spiffe' ? profile.id : undefined,
        state: stateOf(status),
        source: origin,
        sequence: document?.sequence,
        refreshHintSeconds: document?.refreshHintSeconds,
        intervalSeconds: intervalMs / 1000,
        etag,
        anchors: caCount(document),
        ignoredKeys: document?.ignoredKeys ?? 0,
        firstEnd: presentTime(dates?.firstEnd),
        lastSuccessAt: presentTime(status.lastSuccessAt),
        lastAttemptAt: presentTime(status.lastAttemptAt),
        nextAttemptAt: presentTime(status.nextAttemptAt),
        error,
      };
    });
}
