import type { FederationList, FederationRefresh } from '../api/federation-api-types.ts';
import { presentFederation } from '../api/present-federation.ts';
import type { Relationship } from '../trust/federation/relationship.ts';
import type { RelationshipStatus } from '../trust/federation/relationship-status.ts';
import { errorReply, jsonReply } from './reply.ts';
import type { Route } from './router.ts';
import type { ConsumerList } from '../api/consumer-api-types.ts';

/** The source of the responses about federation. */
export interface FederationInput {
  /** `undefined` if the server reads no bundles. */
  readonly federation?:
    | {
        readonly statuses: () => readonly RelationshipStatus[];
        /** Fetches the selected relationships now. Returns their number. */
        readonly refresh: (isSelected: (relationship: Relationship) => boolean) => number;
      }
    | undefined;
}

/** Returns the routes about relationships below `/api/v1/federation`. */
export function federationRoutes({ federation }: FederationInput): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: '/api/v1/federation',
      answer: () => {
        const relationships = presentFederation(federation?.statuses() ?? []);
        return jsonReply({ read: federation !== undefined, relationships } satisfies FederationList);
      },
    },
    {
      method: 'POST',
      pattern: '/api/v1/federation/refresh',
      answer: (_, query) => {
        const names = [...query.keys()];
        const isKnown = names.every((name) => name === 'mesh' || name === 'trustDomain');
        if (!isKnown || new Set(names).size !== names.length)
          return errorReply('bad-request', 'the parameters are mesh and trustDomain, each at most once');
        const [mesh, trustDomain] = [query.get('mesh'), query.get('trustDomain')];
        const refreshed =
          federation?.refresh(
            (one) => (mesh ?? one.mesh) === one.mesh && (trustDomain ?? one.trustDomain) === one.trustDomain,
          ) ?? 0;
        return jsonReply({ refreshed } satisfies FederationRefresh);
      },
    },
  ];
}

/** The source of the responses about consumers of bundles. */
export interface ConsumerInput {
  /** `undefined` if the server publishes no bundles. */
  readonly bundleConsumers?: (() => ConsumerList) | undefined;
}

/** Returns the route of the consumers of published bundles. */
export function consumerRoutes({ bundleConsumers }: ConsumerInput): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: '/api/v1/federation/consumers',
      answer: () =>
        bundleConsumers === undefined
          ? errorReply('not-found', 'the server publishes no bundles: see --bundle-listen')
          : jsonReply(bundleConsumers()),
    },
  ];
}
