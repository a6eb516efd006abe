import { env } from 'node:process';
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
import { timerMs } from '../../xds/timers/timers.ts';
import { createChangeTracer } from './trace-changes.ts';
import type { ChangeTracer, ChangeTracerOptions } from './trace-changes.ts';
import { asMapping, parseJson } from '../../text/json.ts';
import { reasonWithPlace } from '../../text/system-error.ts';

export interface TracingOptions extends Omit<ChangeTracerOptions, 'tracer'> {
  readonly version: string;
  readonly log: Pick<Logger, 'warn'>;
}

/** Sends traces to a collector. */
export interface Tracing extends Omit<ChangeTracer, 'close'> {
  /** Ends the open spans and sends the remaining ones. Waits for at most 2 seconds. */
  close(): Promise<void>;
}

/** The time for which spans are collected before they are sent, in ms, if OTEL_BSP_SCHEDULE_DELAY is not set. */
const defaultDelayMs = 1_000;
/** The time to send the last spans at the end of the program, in ms. */
const finalExportMs = 2_000;
/** The least time between two warnings about an unreachable collector, in ms. */
const warningIntervalMs = 60_000;

/**
 * Starts to send traces over OTLP/HTTP, configured by the environment (OTEL_EXPORTER_OTLP_*, OTEL_BSP_SCHEDULE_DELAY,
 * OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES). Nothing waits for the collector: spans that it does not accept are
 * dropped.
 */
export function startTracing({ version, log, ...options }: TracingOptions): Tracing {
  logTroubles(log);
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'meshtrust', 'service.version': version }))
      .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] })),
    spanProcessors: [
      new BatchSpanProcessor({ exporter: new OTLPTraceExporter(), scheduledDelayMillis: delayMs() }),
    ],
  });
  const tracer = createChangeTracer({ tracer: provider.getTracer('meshtrust', version), ...options });
  return {
    ...tracer,
    async close() {
      tracer.close();
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, finalExportMs);
      // An unreachable collector must not make the program end with an error.
      await Promise.race([provider.shutdown().catch(() => undefined), promise]);
      clearTimeout(timer);
    },
  };
}

function delayMs(): number {
  const given = Number(env['OTEL_BSP_SCHEDULE_DELAY']);
  return Number.isInteger(given) && given > 0 ? timerMs(given) : defaultDelayMs;
}

/** Describes an error that the exporter logs as JSON, with its code and stack. */
function reasonIn(text: string): string {
  const fields = asMapping(parseJson(text));
  const message = fields?.['message'];
  return typeof message === 'string' ? reasonWithPlace(Object.assign(new Error(message), fields)) : text;
}

/** Logs warnings and errors of the SDK, which has one logger for the whole process. */
function logTroubles(log: Pick<Logger, 'warn'>): void {
  let last = -Infinity;
  const warn = (message: string): void => {
    const now = performance.now();
    if (now - last < warningIntervalMs) return;
    last = now;
    log.warn({ event: 'tracing' }, plainText(`traces are not sent: ${reasonIn(message)}`));
  };
  const ignore = (): void => undefined;
  diag.setLogger(
    { error: warn, warn, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
