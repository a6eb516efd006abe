import { DiagLogLevel, diag } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Logger } from '../log/log.ts';
import { plainText } from '../../text/plain-text.ts';
import { createChangeTracer } from './trace-changes.ts';
import type { ChangeTracer, ChangeTracerOptions } from './trace-changes.ts';

export interface TracingOptions extends Omit<ChangeTracerOptions, 'tracer'> {
  readonly version: string;
  readonly log: Pick<Logger, 'warn'>;
}

/** Traces that are sent to a collector. */
export interface Tracing extends Omit<ChangeTracer, 'close'> {
  /** Ends what is under way, and sends what is left; waits for that no longer than a few seconds. */
  close(): Promise<void>;
}

/** How long spans are gathered before they are sent, in ms. */
const scheduledDelayMillis = 1_000;
/** What the last spans have at the end of the program, in ms. */
const lastWordsMs = 2_000;
/** A collector that is gone is told of once in so many ms. */
const quietMs = 60_000;

/**
 * Starts to send traces over OTLP/HTTP, as the environment says (OTEL_EXPORTER_OTLP_*, OTEL_SERVICE_NAME,
 * OTEL_RESOURCE_ATTRIBUTES). Nothing waits for the collector: spans that it does not take are dropped.
 */
export function startTracing({ version, log, ...options }: TracingOptions): Tracing {
  logTroubles(log);
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'meshtrust', 'service.version': version }))
      .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] })),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter(), scheduledDelayMillis })],
  });
  const tracer = createChangeTracer({ tracer: provider.getTracer('meshtrust', version), ...options });
  return {
    ...tracer,
    async close() {
      tracer.close();
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, lastWordsMs);
      // A collector that is gone is no reason to end with an error.
      await Promise.race([provider.shutdown().catch(() => undefined), promise]);
      clearTimeout(timer);
    },
  };
}

/** The exporter tells of an error by its JSON, stack included. */
function reasonIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}

/** The SDK tells of its troubles by a logger for the whole process. */
function logTroubles(log: Pick<Logger, 'warn'>): void {
  let last = -Infinity;
  const warn = (message: string): void => {
    const now = performance.now();
    if (now - last < quietMs) return;
    last = now;
    log.warn({ event: 'tracing' }, plainText(`traces are not sent: ${reasonIn(message)}`));
  };
  const ignore = (): void => undefined;
  diag.setLogger(
    { error: warn, warn, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
