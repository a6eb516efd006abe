/**
 * Measures the time until trust from a real API server is served, and until a change reaches an Envoy.
 *
 *     node bench/kubernetes.ts [--objects=5000] [--changes=100]
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { startChild } from '../test/kit/child.ts';
import { startEnvoy } from '../test/kit/envoy.ts';
import { findEnvoy } from '../test/kit/find-envoy.ts';
import { findKubernetes, startKubernetes } from '../test/kit/kubernetes.ts';
import { freePort } from '../test/kit/free-port.ts';
import { startMeshtrust } from '../test/kit/meshtrust.ts';
import type { Meshtrust } from '../test/kit/meshtrust.ts';
import { poll } from '../test/kit/poll.ts';
import { untilDecision } from '../test/kit/tls-client.ts';
import { listOf, meshTrust } from '../test/e2e/cluster/stage.ts';
import { makeDomain } from '../test/kit/domain.ts';
import { cpuMs } from './fanout/process-cost.ts';
import { machine, percentile, report, row } from './kit.ts';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '5000' },
    changes: { type: 'string', default: '100' },
    write: { type: 'boolean' },
  },
});
const [objects, changes] = [Number(values.objects), Number(values.changes)];
/** Number of objects of a mesh: the names of all its CAs must fit into a handshake. */
const perMesh = 50;
const crd = new URL('../deploy/crd/meshtrusts.kuma.io.yaml', import.meta.url).pathname;

const [kubernetes, envoyFound] = [await findKubernetes(), await findEnvoy('newest')];
if (kubernetes.kind === 'missing') throw new Error(kubernetes.reason);
if (envoyFound.kind === 'missing') throw new Error(envoyFound.reason);
await using cluster = await startKubernetes(kubernetes.paths);
const kubectl = async (command: string, input?: string): Promise<void> =>
  void (await cluster.kubectl(['--namespace', 'kuma-system', ...command.split(' ')], input));
await kubectl('create namespace kuma-system');
await kubectl(`apply -f ${crd}`);
await kubectl('wait --for=condition=Established --timeout=30s crd/meshtrusts.kuma.io');

for (let from = 0; from < objects; from += 250) {
  const texts = Array.from({ length: Math.min(250, objects - from) }, (_, index) =>
    meshTrust(makeDomain(`domain-${from + index}.test`), `mesh-${Math.floor((from + index) / perMesh)}`),
  );
  await kubectl('create -f -', listOf(...texts));
}
const [old, renewed] = [makeDomain('changing.test'), makeDomain('changing.test')];
await kubectl('apply -f -', meshTrust(old));

const startedAt = performance.now();
await using meshtrust = await startMeshtrust({
  dirs: [],
  args: ['--kubernetes', `--kubeconfig=${cluster.kubeconfig}`],
});
const readyMs = performance.now() - startedAt;
const residentMb = await residentMegabytes();

// First the statuses of all objects, which have none; then a start with existing statuses.
const cpuBefore = cpuMs(meshtrust.pid);
const statusWrites = async (server: Meshtrust): Promise<number> =>
  (await server.metric('meshtrust_kubernetes_writes_total')).get('kind="status",result="ok"') ?? 0;
const writingSince = performance.now();
await poll('all statuses', async () => ((await statusWrites(meshtrust)) > objects ? true : undefined), {
  timeoutMs: 600_000,
  // A scrape with a series for each CA costs the server time, too.
  everyMs: 3_000,
});
const statusSeconds = (performance.now() - writingSince) / 1000;
const statusCpu = (cpuMs(meshtrust.pid) - cpuBefore) / (objects + 1);
const statusResidentMb = await residentMegabytes();

await using envoy = await startEnvoy({
  path: envoyFound.path,
  transport: 'delta-ads',
  xdsPort: meshtrust.xdsPort,
});
// One kubectl proxy makes all changes, so that their time does not include the start of a kubectl.
const proxyPort = await freePort();
await using _proxy = await startChild(kubernetes.paths.kubectl, [
  `--kubeconfig=${cluster.kubeconfig}`,
  'proxy',
  `--port=${proxyPort}`,
]);
const url = `http://127.0.0.1:${proxyPort}/apis/kuma.io/v1alpha1/namespaces/kuma-system/meshtrusts/${old.name}`;
await poll('the proxy', () =>
  fetch(url).then(
    () => true,
    () => undefined,
  ),
);
const patch = async (body: string): Promise<void> => {
  const headers = { 'content-type': 'application/merge-patch+json' };
  const answer = await fetch(url, { method: 'PATCH', headers, body });
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
};
const apply = (text: string): Promise<void> => kubectl('apply -f -', text);

const applied = await timeChanges(apply);
const patched = await timeChanges(patch);

/** Switches between two CAs, and waits for the new decision each time. */
async function timeChanges(
  write: (text: string) => Promise<void>,
): Promise<{ readonly decided: readonly number[]; readonly written: readonly number[] }> {
  const [decided, written]: [number[], number[]] = [[], []];
  await apply(meshTrust(old));
  for (let change = 0; change < changes; change++) {
    const [next, before] = change % 2 === 0 ? [renewed, old] : [old, renewed];
    await untilDecision(envoy.port, before.client, 'accepted');
    // Single changes, not a burst: changes within 50 ms are joined.
    await delay(100);
    const at = performance.now();
    const writing = write(meshTrust(next)).then(() => performance.now() - at);
    await untilDecision(envoy.port, next.client, 'accepted');
    decided.push(performance.now() - at);
    written.push(await writing);
  }
  return { decided, written };
}

await meshtrust.stop();
await using again = await startMeshtrust({
  dirs: [],
  args: ['--kubernetes', `--kubeconfig=${cluster.kubeconfig}`],
});
await again.logged('the leader', ({ event, leading }) => event === 'leader' && leading === true, 60_000);
await delay(10_000);
const writesAgain = await statusWrites(again);

const figures = (times: readonly number[]): readonly string[] =>
  [0.5, 0.99, 1].map((share) => `${percentile(times, share).toFixed(0)} ms`);
await report([
  '# From a real API server',
  '',
  `${machine()}. kube-apiserver, etcd, kubectl, Envoy and meshtrust share the machine.`,
  '',
  `With ${objects + 1} MeshTrusts in the cluster, ready ${(readyMs / 1000).toFixed(1)} s after the start, at ${residentMb} MB resident.`,
  '',
  row('', 'p50', 'p99', 'max'),
  row('---', '---', '---', '---'),
  row(
    `start of \`kubectl apply\` to the new decision of an Envoy (${changes} changes)`,
    ...figures(applied.decided),
  ),
  row('start to end of that `kubectl apply`', ...figures(applied.written)),
  row('what an Envoy was later than that', ...figures(applied.decided.map(laterThan(applied.written)))),
  row(`patch request to the new decision of an Envoy (${changes} changes)`, ...figures(patched.decided)),
  row('patch request to its answer', ...figures(patched.written)),
  '',
  `The goal is a 99th percentile under 250 ms, including the start of a process such as kubectl. In this run it was ${Number.parseFloat(figures(applied.decided)[1] ?? '') < 250 ? '' : 'not '}reached.`,
  '',
  `Status: of all ${objects + 1} written ${statusSeconds.toFixed(0)} s after that, ${((objects + 1) / statusSeconds).toFixed(0)} a second (it limits itself to 50), at ${statusCpu.toFixed(1)} ms of CPU each, all else that the process does in that time included, and ${statusResidentMb} MB resident at the end of it. A start that finds them there wrote ${writesAgain} in its first ten seconds as the leader.`,
]);

/** Returns by how much each time exceeds its counterpart; 0 if it does not. */
function laterThan(others: readonly number[]): (time: number, index: number) => number {
  return (time, index) => Math.max(0, time - (others[index] ?? time));
}

async function residentMegabytes(): Promise<number> {
  const status = await readFile(`/proc/${meshtrust.pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1000);
}
