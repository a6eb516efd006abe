import assert from 'node:assert/strict';
import { test } from 'node:test';

import { valueCases } from '../helm/value-cases.ts';
import { findTool } from '../../kit/find-tool.ts';
import { chart, renderChart, runHelm, withImage } from '../../kit/helm.ts';
import type { ChartValues, Manifest } from '../../kit/helm.ts';
import { findKubernetes, startKubernetes } from '../../kit/kubernetes.ts';
import type { Kubernetes } from '../../kit/kubernetes.ts';
import { kumaTrustCrd } from './kuma-crds.ts';
import { monitoringCrds } from './monitoring-crds.ts';

const [kubernetes, helm] = [await findKubernetes(), await findTool('helm')];
const skip = [kubernetes, helm].find((found) => found.kind === 'missing')?.reason ?? false;
const namespace = 'meshtrust-system';

/** Starts a cluster with the namespaces, as an operator creates them. One of them has the restricted standard. */
async function startCluster(): Promise<Kubernetes> {
  if (kubernetes.kind === 'missing') throw new Error(kubernetes.reason);
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(await startKubernetes(kubernetes.paths));
  await cluster.kubectl(['create', 'namespace', 'kuma-system']);
  await cluster.kubectl(['create', 'namespace', namespace]);
  const levels = ['enforce', 'warn'].map((mode) => `pod-security.kubernetes.io/${mode}=restricted`);
  await cluster.kubectl(['label', 'namespace', namespace, ...levels]);
  stack.move();
  return cluster;
}

const list = (items: readonly unknown[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });

/** Returns the pod that the Deployment's controller would create. There is no controller here. */
function podOf(objects: readonly Manifest[]): Manifest {
  const deployment = objects.find(({ kind }) => kind === 'Deployment');
  assert.ok(deployment !== undefined);
  const { metadata, spec } = (deployment['spec'] as { template: { metadata: object; spec: object } })
    .template;
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name: 'pod', namespace }, spec };
}

test('rendered chart: is accepted by the API server', { skip }, async (t) => {
  await using cluster = await startCluster();
  await cluster.kubectl(['apply', '-f', '-'], list(monitoringCrds));
  await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);
  for (const name of ['test-meshtrust', 'trust', 'existing'])
    await cluster.kubectl(['create', 'serviceaccount', name, '--namespace', namespace]);
  await cluster.kubectl(['delete', 'serviceaccount', 'test-meshtrust', '--namespace', namespace]);
  const dryRun = (objects: readonly unknown[]) =>
    cluster.kubectl(
      ['create', '--dry-run=server', '--validate=strict', '--warnings-as-errors', '-f', '-'],
      list(objects),
    );

  for (const [what, values] of Object.entries(valueCases)) {
    await t.test(`every object: ${what}`, async () => {
      const objects = await renderChart(runHelm(helm), values);
      const { stdout, stderr } = await dryRun(objects);
      assert.equal(stderr, '');
      assert.equal(stdout.trim().split('\n').length, objects.length);
    });
  }

  await cluster.kubectl(['create', 'serviceaccount', 'test-meshtrust', '--namespace', namespace]);
  for (const [what, values] of Object.entries(valueCases)) {
    await t.test(`the pod, in a namespace with the restricted standard: ${what}`, async () => {
      await dryRun([podOf(await renderChart(runHelm(helm), values))]);
    });
  }

  await t.test('pod that violates the standard: is rejected', async () => {
    const weaker: readonly ChartValues[] = [
      { podSecurityContext: { runAsNonRoot: false } },
      { podSecurityContext: { seccompProfile: null } },
      { securityContext: { allowPrivilegeEscalation: true } },
      { securityContext: { capabilities: null } },
      { extraVolumes: [{ name: 'host', hostPath: { path: '/' } }] },
    ];
    for (const values of weaker) {
      const pod = podOf(await renderChart(runHelm(helm), values));
      await assert.rejects(dryRun([pod]), /violates PodSecurity "restricted/, JSON.stringify(values));
    }
  });

  await t.test('unknown field: is rejected, so the tests before are meaningful', async () => {
    const objects = await renderChart(runHelm(helm), valueCases['monitoring']);
    for (const object of objects.filter(({ kind }) => kind === 'ServiceMonitor' || kind === 'Deployment')) {
      const misspelt = { ...object, spec: { ...(object['spec'] as object), selectors: {} } };
      await assert.rejects(dryRun([misspelt]), /unknown field "(?:spec\.)?selectors"/);
    }
  });
});

test('release: from its installation to its end', { skip }, async (t) => {
  await using cluster = await startCluster();
  const release = (...words: readonly string[]) => {
    const [verb = '', ...rest] = words;
    return [verb, 'test', ...rest, '--namespace', namespace, '--kubeconfig', cluster.kubeconfig];
  };
  const helmRun = runHelm(helm);
  const run = (args: readonly string[], values?: ChartValues) =>
    helmRun(args, values === undefined ? undefined : withImage(values));
  const trust = {
    apiVersion: 'kuma.io/v1alpha1',
    kind: 'MeshTrust',
    metadata: { name: 'kept', namespace: 'kuma-system' },
    spec: { trustDomain: 'kept.test', caBundles: [{ type: 'Pem', pem: { value: 'x' } }] },
  };
  const trusts = async (): Promise<string> =>
    (await cluster.kubectl(['get', 'meshtrusts', '--namespace', 'kuma-system', '-o', 'name'])).stdout.trim();
  const established = ['wait', '--for=condition=Established', '--timeout=30s', 'crd/meshtrusts.kuma.io'];

  await t.test('install: the CRD accepts a MeshTrust', async () => {
    const { stdout } = await run(release('install', chart), {});
    assert.match(stdout, /serves trust bundles to Envoy at test-meshtrust\.meshtrust-system\.svc:5678/);
    assert.match(stdout, /meshtrust\.js guard release/);
    await cluster.kubectl(established);
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(trust));
    assert.equal(await trusts(), 'meshtrust.kuma.io/kept');
  });

  await t.test('upgrade: to all namespaces, and back', async () => {
    await run(release('upgrade', chart), { kubernetes: { allNamespaces: true } });
    const roles = async (kind: string): Promise<string> =>
      (await cluster.kubectl(['get', kind, '-A', '-l', 'app.kubernetes.io/instance=test', '-o', 'name']))
        .stdout;
    assert.match(await roles('clusterroles'), /meshtrust-system:test-meshtrust/);
    await run(release('upgrade', chart), { kubernetes: { allNamespaces: false } });
    assert.equal(await roles('clusterroles'), '');
    assert.match(await roles('roles'), /test-meshtrust\n/);
  });

  await t.test('upgrade: the certificate in the Secret remains', async () => {
    const values = { webhook: { enabled: true } };
    const secret = ['secret', 'test-meshtrust-webhook', '--namespace', namespace];
    const data = async (): Promise<string> =>
      (await cluster.kubectl(['get', ...secret, '-o', 'jsonpath={.type} {.data}'])).stdout;
    await run(release('upgrade', chart), values);
    assert.equal(await data(), 'Opaque ');
    await cluster.kubectl(['patch', ...secret, '--type=merge', '--patch={"data":{"tls.crt":"eA=="}}']);
    await run(release('upgrade', chart), { ...values, replicaCount: 3 });
    assert.equal(await data(), 'Opaque {"tls.crt":"eA=="}');
    await run(release('upgrade', chart), { webhook: { enabled: false } });
    await assert.rejects(data(), /not found/);
  });

  await t.test(
    'uninstall: the CRD and all MeshTrusts remain, and another release adopts the CRD',
    async () => {
      await run(release('uninstall'));
      assert.equal(await trusts(), 'meshtrust.kuma.io/kept');
      await run(release('install', chart), {});
      assert.equal(await trusts(), 'meshtrust.kuma.io/kept');
    },
  );

  await t.test('uninstall with crds.keep=false: the CRD is deleted', async () => {
    await run(release('upgrade', chart), { crds: { keep: false } });
    await run(release('uninstall'));
    await assert.rejects(
      trusts(),
      /doesn't have a resource type "meshtrusts"|could not find the requested resource/,
    );
  });

  await t.test("installation beside Kuma's own CRD: does not overwrite it", async () => {
    await cluster.kubectl(['create', '-f', '-'], kumaTrustCrd);
    await cluster.kubectl(established);
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(trust));
    await assert.rejects(run(release('install', chart), {}), /invalid ownership metadata/);
    await run(release('install', chart), { crds: { enabled: false } });
    assert.equal(await trusts(), 'meshtrust.kuma.io/kept');
  });
});
