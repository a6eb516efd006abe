import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { typeUrls } from '../../xds/index.ts';
import type { Outgoing, StreamInfo, XdsObserver } from '../../xds/index.ts';
import type { Convergence } from './convergence.ts';
import { createCounterTally, createHistogramTally } from './tally.ts';
import { createTroubleMetrics } from './trouble-metrics.ts';

// Error messages of Envoy 1.36 to 1.40. The first pattern that matches decides.
const patterns = [
  // A CA certificate that meshtrust sent.
  ['trusted-ca', /Failed to load trusted CA|Failed to create x509 object/],
  ['trust-domain', /Multiple trust bundles/],
  // The proxy's own certificate, which Envoy loads together with the trust bundle.
  ['own-certificate', /certificate chain|private key/i],
  ['file', /Invalid path/],
  ['validator', /certificate validator|Proto constraint validation/],
  ['resource', /Unexpected SDS secret|duplicate name|type URL/],
] as const;

/** The class of the reason of a NACK. The values are few and fixed, because they become a label. */
type RefusalClass = (typeof patterns)[number][0] | 'other';

/** Returns the class of the error message in a NACK. */
export function classifyRefusal(message: string): RefusalClass {
  // The text comes from a peer: only its beginning is matched.
  const text = message.slice(0, 2000);
  return patterns.find(([, pattern]) => pattern.test(text))?.[0] ?? 'other';
}

export interface XdsMetricsOptions {
  readonly registry: Registry;
  readonly convergence: Convergence;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** In seconds. For a proxy, a few milliseconds are good and 3 s are an incident. */
export const convergenceBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 5, 10, 30];
const sizeBuckets = [1, 4, 16, 64, 256, 1024, 4096, 32_768].map((kib) => kib * 1024);
const knownTypes: ReadonlySet<string> = new Set(Object.values(typeUrls));

/** Registers the metrics of streams and returns the observer that updates them. */
export function createXdsMetrics({ registry, convergence, now }: XdsMetricsOptions): XdsObserver {
  const registers = [registry];
  // Set at each scrape: prom-client makes several objects for each change of a gauge.
  const openStreams = new Map<string, { delta: number; sotw: number }>();
  registry.registerMetric(
    new Gauge({
      name: 'meshtrust_xds_streams',
      help: 'Open streams.',
      labelNames: ['transport', 'protocol'],
      registers: [],
      collect() {
        for (const [transport, counts] of openStreams)
          for (const protocol of ['delta', 'sotw'] as const)
            if (counts[protocol] >= 0) this.set({ transport, protocol }, counts[protocol]);
      },
    }),
  );
  const countOpen = ({ transport, protocol }: StreamInfo, change: number): void => {
    let counts = openStreams.get(transport);
    if (counts === undefined) openStreams.set(transport, (counts = { delta: -1, sotw: -1 }));
    // A series begins with the first stream of its kind.
    counts[protocol] = Math.max(0, counts[protocol]) + change;
  };
  const closed = createCounterTally({
    name: 'meshtrust_xds_streams_closed_total',
    help: 'Streams that ended, by status; CANCELLED if the proxy closed the stream.',
    labelNames: ['code'],
    registry,
  });
  const requests = createCounterTally({
    name: 'meshtrust_xds_requests_total',
    help: 'Requests on streams.',
    labelNames: ['type_url', 'kind'],
    registry,
  });
  const responses = createCounterTally({
    name: 'meshtrust_xds_responses_total',
    help: 'Responses on streams, by content.',
    labelNames: ['type_url', 'result'],
    registry,
  });
  const sizes = createHistogramTally({
    name: 'meshtrust_xds_response_bytes',
    help: 'Size of responses on streams.',
    labelName: 'type_url',
    buckets: sizeBuckets,
    registry,
  });
  const refusals = new Counter({
    name: 'meshtrust_xds_nacks_total',
    help: 'Responses that proxies rejected (NACK), by class of the reason.',
    labelNames: ['mesh', 'error_class'],
    registers,
  });
  const fetches = createCounterTally({
    name: 'meshtrust_xds_fetches_total',
    help: 'Unary requests, by outcome.',
    labelNames: ['transport', 'outcome'],
    registry,
  });
  const queue = createHistogramTally({
    name: 'meshtrust_xds_queue_seconds',
    help: 'Time from publishing a change until it is sent on a stream.',
    buckets: convergenceBuckets,
    registry,
  });
  const push = createHistogramTally({
    name: 'meshtrust_xds_push_seconds',
    help: 'Time from publishing a change until it, or a newer one, is sent on all streams that are ready for a response.',
    buckets: [0.0001, 0.0005, 0.001, ...convergenceBuckets],
    registry,
  });
  const converged = createHistogramTally({
    name: 'meshtrust_xds_convergence_seconds',
    help: "Time from a change of the input until a proxy's acknowledgement of it.",
    labelName: 'mesh',
    expected: () => convergence.listed(),
    buckets: convergenceBuckets,
    registry,
  });
  // Proxies can name any mesh, and must not be able to add labels.
  const meshLabel = (mesh: string | undefined): string =>
    mesh !== undefined && convergence.isListed(mesh) ? mesh : unlisted;

  const trouble = createTroubleMetrics(registry);

  return {
    ...trouble,
    streamOpened: (stream) => countOpen(stream, 1),
    streamClosed: (stream, { code }) => {
      trouble.streamClosed(stream);
      convergence.closed(stream);
      countOpen(stream, -1);
      closed.inc(code);
    },
    request: (stream, { typeUrl, kind }) => {
      trouble.request(stream, kind);
      requests.inc(typeLabel(typeUrl), kind);
    },
    response: (stream, response) => {
      trouble.response(stream, response);
      const waited = convergence.sent(stream, response.resources, now());
      if (waited !== undefined) queue.observe(waited / 1000);
      const type = typeLabel(response.typeUrl);
      responses.inc(type, resultOf(response));
      sizes.observe(response.bytes.length, type);
    },
    acked: (stream, ack) => {
      const time = convergence.acked(stream, ack, now());
      if (time !== undefined) converged.observe(time / 1000, meshLabel(stream.group));
    },
    quoted: (stream, quote) => convergence.quoted(stream, quote),
    nacked: (stream, { message }) =>
      refusals.inc({ mesh: meshLabel(stream.group), error_class: classifyRefusal(message) }),
    fetched: ({ transport, outcome }) => fetches.inc(transport, outcome),
    fannedOut: ({ durationMs }) => push.observe(durationMs / 1000),
  };
}

/** The label of all meshes without a listed MeshTrust. No mesh has this name: Kubernetes does not allow `(`. */
export const unlisted = '(unlisted)';

function typeLabel(typeUrl: string): string {
  return knownTypes.has(typeUrl) ? typeUrl : 'other';
}

function resultOf({ resources, removed }: Outgoing): 'resources' | 'removed' | 'empty' {
  return resources.length > 0 ? 'resources' : removed.length > 0 ? 'removed' : 'empty';
}
