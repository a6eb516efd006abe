import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isTracingOn } from '../../../src/observe/tracing/tracing-environment.ts';

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

suite('tracing', () => {
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, boolean])[] = [
    ['is off where nothing is said', {}, false],
    ['is on where there is a collector', endpoint, true],
    [
      'is on where there is one for traces alone',
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' },
      true,
    ],
    ['is off where the collector is nothing', { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, false],
    ['is off where the SDK is', { ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }, false],
    ['is on where the SDK is not', { ...endpoint, OTEL_SDK_DISABLED: 'false' }, true],
    ['is off without an exporter', { ...endpoint, OTEL_TRACES_EXPORTER: 'none' }, false],
    ['is off with an exporter that does not exist', { ...endpoint, OTEL_TRACES_EXPORTER: 'zipkin' }, false],
    ['is on with one of several', { ...endpoint, OTEL_TRACES_EXPORTER: 'console, otlp' }, true],
  ];
  for (const [what, env, on] of cases) test(what, () => assert.equal(isTracingOn(env), on));
});
