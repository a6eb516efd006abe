/** The variables that switch tracing on and off. https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
export type TracingEnvironment = Readonly<Record<string, string | undefined>>;

/** Whether the environment names a collector for traces, and does not switch the SDK or the exporter off. */
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
