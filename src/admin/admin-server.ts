import { unprotected } from '../api/unprotected.ts';
import { isLoopback, parseListenAddress } from '../net/listen-address.ts';
import { logAcceptErrors } from '../observe/log/log-accept-errors.ts';
import type { Logger } from '../observe/log/log.ts';
import { isProtected } from './access.ts';
import type { AdminAccess } from './access.ts';
import { apiRoutes } from './api-routes.ts';
import type { EventHub } from './event-hub.ts';
import { consumerRoutes, federationRoutes } from './federation-routes.ts';
import { createHttpEdge } from './http-edge.ts';
import type { HttpEdge } from './http-edge.ts';
import type { FederationInput } from './federation-routes.ts';
import { identityRoutes } from './identity-routes.ts';
import type { IdentityInput } from './identity-routes.ts';
import { issuerRoutes } from './issuer-routes.ts';
import { probeRoutes } from './probe-routes.ts';
import type { ProbeInput } from './probe-routes.ts';
import { rotationRoutes } from './rotation-routes.ts';
import type { RotationInput } from './rotation-routes.ts';
import type { Route } from './router.ts';
import { serverRoutes } from './server-routes.ts';
import { trustRoutes } from './trust-routes.ts';
import type { TrustInput } from './trust-routes.ts';

export interface AdminServerInput
  extends ProbeInput, RotationInput, IdentityInput, FederationInput, TrustInput {
  readonly log: Logger;
  readonly access?: AdminAccess | undefined;
  /** Sends the events of `/api/v1/events`. */
  readonly events?: EventHub | undefined;
  /** The routes of the page. */
  readonly page?: readonly Route[] | undefined;
}

/** True if the admin API may listen at an address: beyond loopback it must be protected. */
function mayListen(address: string, access: AdminAccess): boolean {
  return isLoopback(parseListenAddress(address)) || isProtected(access);
}

/** Creates the server of probes, metrics and the admin API. */
export function createAdminServer(input: AdminServerInput): HttpEdge {
  const { log, access = {}, events, page = [] } = input;
  const edge = createHttpEdge({
    routes: [
      ...probeRoutes(input),
      ...serverRoutes(input),
      ...apiRoutes(input),
      ...rotationRoutes(input),
      ...issuerRoutes(input),
      ...identityRoutes(input),
      ...federationRoutes(input),
      ...consumerRoutes(input),
      ...trustRoutes(input),
      ...page,
    ],
    onError: (error) => log.error({ event: 'admin-failed', err: error }, 'an admin request failed'),
    acceptFailed: logAcceptErrors(log, 'the listener of the admin API'),
    access,
    events: events && { path: '/api/v1/events', hub: events },
  });
  return {
    ...edge,
    async listen(address) {
      if (!mayListen(address, access)) throw new Error(`${address}: ${unprotected}`);
      return edge.listen(address);
    },
  };
}

/** Creates a server of probes and metrics only, for kubelets and scrapers on any address. */
export function createProbeServer(input: ProbeInput & Pick<AdminServerInput, 'log'>): HttpEdge {
  return createHttpEdge({
    routes: probeRoutes(input),
    onError: (error) => input.log.error({ event: 'probe-failed', err: error }, 'a probe request failed'),
    acceptFailed: logAcceptErrors(input.log, 'the listener for probes'),
  });
}
