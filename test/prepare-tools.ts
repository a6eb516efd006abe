/**
 * Installs the tools that the tests need and npm does not install, one after the other, and prints a line for each.
 * Without it each test file would install its own tools in silence, and two at a time would build the same one.
 */
import { findGhz } from './e2e/ghz/find-ghz.ts';
import { findH2spec } from './http2/find-h2spec.ts';
import { findEnvoy } from './kit/find-envoy.ts';
import { findPrometheus } from './kit/find-prometheus.ts';
import { findHelm } from './kit/helm.ts';
import { findKubernetes } from './kit/kubernetes.ts';
import type { MissingTool } from './kit/missing-tool.ts';
import { findInteropClient } from './transport/interop/find-interop-client.ts';
import { findChromium } from './e2e/page/find-chromium.ts';

type Found = { readonly kind: 'found' } | MissingTool;

const tools: readonly (readonly [name: string, find: () => Promise<Found>])[] = [
  ['Envoy, the newest', () => findEnvoy('newest')],
  ['Envoy, the oldest', () => findEnvoy('oldest')],
  ['etcd, kube-apiserver and kubectl (building takes minutes)', findKubernetes],
  ['helm (building takes minutes)', findHelm],
  ['promtool', () => findPrometheus('promtool')],
  ['Prometheus', () => findPrometheus('prometheus')],
  ['Chromium', findChromium],
  ['ghz', findGhz],
  ['h2spec', findH2spec],
  ['interop client of grpc-go', findInteropClient],
];

/** A registry that accepts a connection and stays silent would otherwise hold the gate for good. */
const limitMs = 60 * 60_000;
const limit = setTimeout(() => {
  console.error(
    `not ready after ${limitMs} ms; the tools above are installed, and the next run goes on from there`,
  );
  process.exit(1);
}, limitMs);

for (const [name, find] of tools) {
  const start = performance.now();
  process.stdout.write(`${name}: `);
  // In CI one that is missing ends it here.
  const found = await find();
  const took = ((performance.now() - start) / 1000).toFixed(0);
  process.stdout.write(found.kind === 'found' ? `there after ${took} s\n` : `${found.reason}; skipping\n`);
}

clearTimeout(limit);
