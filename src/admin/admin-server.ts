import { isLoopback, parseListenAddress } from '../net/listen-address.ts';
import type { Logger } from '../telemetry/log.ts';
import { apiRoutes } from './api-routes.ts';
import type { ApiInput } from './api-routes.ts';
import { createHttpEdge } from './http-edge.ts';
import type { HttpEdge } from './http-edge.ts';
import { probeRoutes } from './probe-routes.ts';
import type { ProbeInput } from './probe-routes.ts';

export interface AdminServerInput extends ProbeInput, ApiInput {
  readonly log: Logger;
}

/** Probes, metrics and the admin API. There is no authentication: it belongs on loopback addresses. */
export function createAdminServer(input: AdminServerInput): HttpEdge {
  const { log } = input;
  const edge = createHttpEdge({
    routes: [...probeRoutes(input), ...apiRoutes(input)],
    onError: (error) => log.error({ event: 'admin-failed', err: error }, 'an admin request failed'),
  });
  return {
    ...edge,
    async listen(address) {
      if (!isLoopback(parseListenAddress(address))) {
        log.warn(
          { event: 'admin-exposed', address },
          `the admin API is open to everybody who can reach ${address}: it has neither TLS nor authentication`,
        );
      }
      return edge.listen(address);
    },
  };
}

/** Probes and metrics alone, for kubelets and scrapers on any address. */
export function createProbeServer(input: ProbeInput & Pick<AdminServerInput, 'log'>): HttpEdge {
  return createHttpEdge({
    routes: probeRoutes(input),
    onError: (error) => input.log.error({ event: 'probe-failed', err: error }, 'a probe request failed'),
  });
}
