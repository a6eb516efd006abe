/**
 * The variables that enable and disable tracing.
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export type TracingEnvironment = Readonly<Record<string, string | undefined>>;

/** Returns whether the environment names a collector for traces and disables neither the SDK nor the exporter. */
export function isTracingOn(env: TracingEnvironment): boolean {
  const value = (name: string): string => (env[name] ?? '').trim();
  const named = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'];
  const exporters = value('OTEL_TRACES_EXPORTER') || 'otlp';
  return (
    named.some((name) => value(name) !== '') &&
    value('OTEL_SDK_DISABLED').toLowerCase() !== 'true' &&
    exporters.split(',').some((exporter) => exporter.trim() === 'otlp')
  );
}
