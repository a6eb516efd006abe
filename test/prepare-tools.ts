/**
 * Installs the tools that the tests need and npm does not install, one after the other. Says first what will be done,
 * and every ten seconds what is being done. Without it each test file would install its own tools in silence, and two
 * at a time would build the same one.
 */
import { installedPath, isExecutable } from '../scripts/tools/install-tool.ts';
import { tools } from '../scripts/tools/table.ts';
import type { Tool, ToolName } from '../scripts/tools/table.ts';
import { findChromium } from './e2e/page/find-chromium.ts';
import { findEnvoy } from './kit/find-envoy.ts';
import { findTool, onInstallStep } from './kit/find-tool.ts';
import { findKubernetes } from './kit/kubernetes.ts';
import type { MissingTool } from './kit/missing-tool.ts';

type Found = { readonly kind: 'found' } | MissingTool;

const searches: readonly (readonly [names: readonly ToolName[], find: () => Promise<Found>])[] = [
  [['envoy-newest'], () => findEnvoy('newest')],
  [['envoy-oldest'], () => findEnvoy('oldest')],
  [['kube-apiserver', 'kubectl', 'etcd'], findKubernetes],
  [['helm'], () => findTool('helm')],
  [['promtool'], () => findTool('promtool', { onPath: 'promtool' })],
  [['prometheus'], () => findTool('prometheus', { onPath: 'prometheus' })],
  [['chromium'], findChromium],
  [['ghz'], () => findTool('ghz', { variable: 'MESHTRUST_GHZ', onPath: 'ghz' })],
  [['grpcurl'], () => findTool('grpcurl', { onPath: 'grpcurl' })],
  [['h2load'], () => findTool('h2load', { onPath: 'h2load' })],
  [['h2spec'], () => findTool('h2spec')],
  [['grpc-interop-client'], () => findTool('grpc-interop-client')],
  [['spiffe-peer'], () => findTool('spiffe-peer')],
];

/** A registry that accepts a connection and stays silent would otherwise hold the gate for good. */
const limitMs = 60 * 60_000;
const progressMs = 10_000;

async function plan(): Promise<string> {
  const missing: string[] = [];
  for (const name of searches.flatMap(([names]) => names)) {
    if (await isExecutable(installedPath(name))) continue;
    const { takes }: Tool = tools[name];
    missing.push(takes === undefined ? name : `${name} (${takes})`);
  }
  return missing.length === 0
    ? 'The tools of the tests are installed.'
    : `Tools that are not in .cache yet are installed now, unless this machine has them: ${missing.join(', ')}.`;
}

const limit = setTimeout(() => {
  console.error(
    `not ready after ${limitMs} ms; the tools above are installed, and the next run goes on from there`,
  );
  process.exit(1);
}, limitMs);

console.log(await plan());
for (const [names, find] of searches) {
  const what = names.join(', ');
  const start = performance.now();
  const seconds = (): string => `${((performance.now() - start) / 1000).toFixed(0)} s`;
  let step = 'looking for it';
  onInstallStep((next) => {
    step = next;
    console.log(`${what}: ${step}`);
  });
  const progress = setInterval(() => console.log(`${what}: ${step}, ${seconds()} so far`), progressMs);
  // In CI one that is missing ends it here.
  const found = await find();
  clearInterval(progress);
  console.log(
    `${what}: ${found.kind === 'found' ? `ready after ${seconds()}` : `${found.reason}; skipping`}`,
  );
}

clearTimeout(limit);
