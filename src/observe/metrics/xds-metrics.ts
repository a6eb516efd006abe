import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { typeUrls } from '../../xds/index.ts';
import type { Outgoing, XdsObserver } from '../../xds/index.ts';
import type { Convergence } from './convergence.ts';
import { classifyRefusal } from './refusal-class.ts';
import { createTroubleMetrics } from './trouble-metrics.ts';

export interface XdsMetricsOptions {
  readonly registry: Registry;
  readonly convergence: Convergence;
  /** Whether a mesh has a label of its own: proxies can name any mesh, and labels must not grow with them. */
  readonly isListed: (mesh: string) => boolean;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** From a proxy's point of view a few milliseconds are good, and 3 s an incident. */
export const convergenceBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 5, 10, 30];
const sizeBuckets = [1, 4, 16, 64, 256, 1024, 4096, 32_768].map((kib) => kib * 1024);
const knownTypes: ReadonlySet<string> = new Set(Object.values(typeUrls));

/** Registers the metrics of streams and returns what keeps them. */
export function createXdsMetrics({ registry, convergence, isListed, now }: XdsMetricsOptions): XdsObserver {
  const registers = [registry];
  const streams = new Gauge({
    name: 'meshtrust_xds_streams',
    help: 'Open streams.',
    labelNames: ['transport', 'protocol'],
    registers,
  });
  const closed = new Counter({
    name: 'meshtrust_xds_streams_closed_total',
    help: 'Streams that ended, by status; CANCELLED is the proxy going away.',
    labelNames: ['code'],
    registers,
  });
  const requests = new Counter({
    name: 'meshtrust_xds_requests_total',
    help: 'Requests on streams.',
    labelNames: ['type_url', 'kind'],
    registers,
  });
  const responses = new Counter({
    name: 'meshtrust_xds_responses_total',
    help: 'Responses on streams, by what they carry.',
    labelNames: ['type_url', 'result'],
    registers,
  });
  const sizes = new Histogram({
    name: 'meshtrust_xds_response_bytes',
    help: 'Size of responses on streams.',
    labelNames: ['type_url'],
    buckets: sizeBuckets,
    registers,
  });
  const refusals = new Counter({
    name: 'meshtrust_xds_nacks_total',
    help: 'Responses that proxies refused, by the class of their reason.',
    labelNames: ['mesh', 'error_class'],
    registers,
  });
  const fetches = new Counter({
    name: 'meshtrust_xds_fetches_total',
    help: 'Unary requests, by what they were answered with.',
    labelNames: ['transport', 'outcome'],
    registers,
  });
  const queue = new Histogram({
    name: 'meshtrust_xds_queue_seconds',
    help: 'From the moment at which a change is served to that at which a stream is handed it.',
    buckets: convergenceBuckets,
    registers,
  });
  const push = new Histogram({
    name: 'meshtrust_xds_push_seconds',
    help: 'From a change to the moment at which all streams that can take it were handed it, or a newer one.',
    buckets: [0.0001, 0.0005, 0.001, ...convergenceBuckets],
    registers,
  });
  const converged = new Histogram({
    name: 'meshtrust_xds_convergence_seconds',
    help: "From a change of the input to a proxy's acknowledgement of it.",
    labelNames: ['mesh'],
    buckets: convergenceBuckets,
    registers,
  });
  const meshLabel = (mesh: string | undefined): string =>
    mesh !== undefined && isListed(mesh) ? mesh : unlisted;

  const trouble = createTroubleMetrics(registry);

  return {
    ...trouble,
    streamOpened: ({ transport, protocol }) => streams.inc({ transport, protocol }),
    streamClosed: (stream, { code }) => {
      const { transport, protocol } = stream;
      trouble.streamClosed(stream);
      streams.dec({ transport, protocol });
      closed.inc({ code });
    },
    request: (stream, { typeUrl, kind }) => {
      trouble.request(stream, kind);
      requests.inc({ type_url: typeLabel(typeUrl), kind });
    },
    response: (stream, response) => {
      trouble.response(stream, response);
      const waited = convergence.sent(stream, response.resources, now());
      if (waited !== undefined) queue.observe(waited / 1000);
      const type = typeLabel(response.typeUrl);
      responses.inc({ type_url: type, result: resultOf(response) });
      sizes.observe({ type_url: type }, response.bytes.length);
    },
    acked: (stream, ack) => {
      const time = convergence.acked(stream, ack, now());
      if (time !== undefined) converged.observe({ mesh: meshLabel(stream.group) }, time / 1000);
    },
    quoted: (stream, quote) => convergence.quoted(stream, quote),
    nacked: (stream, { message }) =>
      refusals.inc({ mesh: meshLabel(stream.group), error_class: classifyRefusal(message) }),
    fetched: ({ transport, outcome }) => fetches.inc({ transport, outcome }),
    fannedOut: ({ durationMs }) => push.observe(durationMs / 1000),
  };
}

/** Label of all meshes that nothing is listed for. No mesh can have this name: Kubernetes allows no `(`. */
export const unlisted = '(unlisted)';

function typeLabel(typeUrl: string): string {
  return knownTypes.has(typeUrl) ? typeUrl : 'other';
}

function resultOf({ resources, removed }: Outgoing): 'resources' | 'removed' | 'empty' {
  return resources.length > 0 ? 'resources' : removed.length > 0 ? 'removed' : 'empty';
}
