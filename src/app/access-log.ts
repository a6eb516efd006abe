import { hash } from 'node:crypto';
import { createIssuerSightings } from '../access-log/sightings.ts';
import type { ServedIssuers } from '../access-log/sightings.ts';
import type { DecideAccess } from '../access/claim.ts';
import type { IssuerList } from '../api/issuer-api-types.ts';
import { presentIssuers } from '../api/present-issuers.ts';
import { startAccessLogEndpoint } from '../frontend/access-log-endpoint.ts';
import type { Logger } from '../observe/log/log.ts';
import type { AccessLogMetrics } from '../observe/metrics/access-log-metrics.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Pipeline, PipelineView } from '../runtime/pipeline.ts';
import { plainText } from '../text/plain-text.ts';
import type { ServeOptions } from '../runtime/serve-options.ts';
import type { MeshState } from '../trust/snapshot/mesh-builder.ts';

export interface AccessLogInput {
  readonly options: ServeOptions;
  readonly pipeline: Pick<Pipeline, 'subscribe' | 'view'>;
  readonly decide: DecideAccess | undefined;
  readonly metrics: AccessLogMetrics;
  readonly log: Logger;
}

/** The listener for access logs, and the issuers that it has seen. */
export interface AccessLogs extends AsyncDisposable {
  readonly issuers: (mesh: string) => IssuerList;
}

/**
 * Starts the listener for access logs at an address. It runs in this process, also with workers.
 * What it counts is in memory only: after a restart, the past is unknown.
 * @throws {Error} if the address or a file cannot be used.
 */
export async function startAccessLogs(listen: string, input: AccessLogInput): Promise<AccessLogs> {
  const { options, pipeline, decide, metrics, log } = input;
  const sightings = createIssuerSightings();
  const served = servedIssuers(() => pipeline.view());
  const now = systemClock.wall;
  let since: number | undefined;
  /** Counts from the first time at which the server is ready: before, it does not know the issuers. */
  const begin = (): void => {
    if (pipeline.view().readiness.kind === 'ready') since ??= now();
  };
  const endpoint = await startAccessLogEndpoint({
    listen,
    options,
    log,
    decide,
    now: systemClock.monotonic,
    authFailed: () => metrics.refused('denied'),
    received(sender, message) {
      if (since === undefined) return;
      const issuers: ServedIssuers | undefined = served(sender.mesh);
      sightings.add(sender, message, issuers, now());
      metrics.received(message, issuers);
    },
    lost(mesh) {
      // The entries of a mesh that does not exist are never counted, so their loss must not make others incomplete.
      if (mesh === undefined || served(mesh) !== undefined) sightings.lost(mesh, now());
    },
    refused(reason, address, message) {
      metrics.refused(reason);
      const fields = { event: 'access-log-refused', reason, address };
      log.debug(fields, plainText(`the access log of ${address} is refused: ${message}`));
    },
  });
  pipeline.subscribe(begin);
  begin();
  metrics.follow(endpoint.streams);
  log.info(
    { event: 'access-logs', address: endpoint.address },
    `proxies may send their access logs to ${endpoint.address}`,
  );
  return {
    issuers: (mesh) =>
      presentIssuers(mesh, { since, streams: endpoint.streams(), sightings: sightings.of(mesh, now()) }),
    [Symbol.asyncDispose]: () => endpoint.close(),
  };
}

/**
 * Returns a function that returns the CA certificates of a mesh, by the fingerprint that Envoy logs: a certificate may
 * be served in another form than it is listed. They are computed once for each state of a mesh.
 */
export function servedIssuers(
  view: () => Pick<PipelineView, 'meshes'>,
): (mesh: string) => ServedIssuers | undefined {
  const known = new WeakMap<MeshState, ServedIssuers>();
  return (mesh) => {
    const state = view().meshes.get(mesh);
    if (state === undefined) return undefined;
    let issuers = known.get(state);
    if (issuers === undefined) known.set(state, (issuers = issuersOf(state)));
    return issuers;
  };
}

function issuersOf({ bundle }: MeshState): ServedIssuers {
  return new Map(
    bundle.bundles.flatMap(({ anchors }) =>
      anchors.map(({ certificate, der, rooting }) => [
        rooting === 'as-listed' ? certificate.fingerprint : hash('sha256', der),
        certificate.fingerprint,
      ]),
    ),
  );
}
