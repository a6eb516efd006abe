import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { makeCa } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { untilAll } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { listOf, meshTrust, namespace, skip, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

/** Gives the program the right to read MeshTrusts in a namespace, or in all namespaces. */
async function letRead(stage: Stage, where: { readonly namespace?: string } = {}): Promise<void> {
  const [role, binding] =
    where.namespace === undefined ? ['ClusterRole', 'ClusterRoleBinding'] : ['Role', 'RoleBinding'];
  const metadata = { name: 'meshtrust-reader', ...where };
  const group = 'rbac.authorization.k8s.io';
  const rules = [
    { apiGroups: ['kuma.io'], resources: ['meshtrusts'], verbs: ['list', 'watch'] },
    { apiGroups: ['kuma.io'], resources: ['meshtrusts/status'], verbs: ['patch'] },
    { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create'] },
  ];
  const roleRef = { apiGroup: group, kind: role, name: metadata.name };
  const subjects = [{ kind: 'ServiceAccount', name: 'meshtrust', namespace }];
  await stage.cluster.kubectl(
    ['apply', '-f', '-'],
    listOf(
      JSON.stringify({ apiVersion: `${group}/v1`, kind: role, metadata, rules }),
      JSON.stringify({ apiVersion: `${group}/v1`, kind: binding, metadata, roleRef, subjects }),
    ),
  );
}

/** Deletes a namespace like the controller of Kubernetes: first its content, then its last finalizer. */
async function removeNamespace({ cluster }: Stage, name: string): Promise<void> {
  await cluster.kubectl(['delete', 'namespace', name, '--wait=false']);
  await cluster.kubectl(['delete', 'rolebindings,roles', '--all', '--namespace', name]);
  await cluster.kubectl(['delete', 'mtrust', '--all', '--namespace', name]);
  const { stdout } = await cluster.kubectl(['get', 'namespace', name, '-o', 'json']);
  const object = { ...(JSON.parse(stdout) as object), spec: { finalizers: [] } };
  await cluster.kubectl(
    ['replace', '--raw', `/api/v1/namespaces/${name}/finalize`, '-f', '-'],
    JSON.stringify(object),
  );
  await cluster.kubectl(['wait', '--for=delete', `namespace/${name}`, '--timeout=20s']);
}

test('deleted namespace: its trust ends after the hold, not before', { skip }, async () => {
  await using stage = await startStage();
  await stage.kubectl('create namespace trust');
  await letRead(stage, { namespace: 'trust' });
  const domains = ['a.test', 'b.test'].map((name) => makeDomain(name));
  await stage.kubectl(
    'apply --namespace trust -f -',
    listOf(...domains.map((one) => meshTrust(one, 'default', 'trust'))),
  );
  const meshtrust = await stage.meshtrust({
    args: ['--kube-namespace=trust', `--kube-lease-namespace=${namespace}`, '--guard-hold=6s'],
  });
  const envoys = await stage.envoys(meshtrust);
  for (const { client } of domains) await untilAll(envoys, client, 'accepted');
  await removeNamespace(stage, 'trust');
  await meshtrust.logged('the guard', ({ event }) => event === 'guard-held');
  for (const { client } of domains) await untilAll(envoys, client, 'accepted');
  for (const { client } of domains) await untilAll(envoys, client, 'refused', 15_000);
  const ended = meshtrust.logs().find(({ event }) => event === 'guard-ended');
  assert.ok(ended !== undefined, 'the hold ended without a release');
});

test(
  'all namespaces: their objects are merged, and each namespace has separate losses',
  { skip },
  async () => {
    await using stage = await startStage();
    await stage.kubectl('create namespace team');
    await letRead(stage);
    // One trust domain for which each namespace lists another CA, and one trust domain per namespace.
    const [own, teams] = [
      makeDomain('shared.test'),
      makeDomain('shared.test', makeCa({ commonName: 'Team' })),
    ];
    const others = ['one.test', 'two.test', 'three.test'].map((name) => makeDomain(name));
    await stage.kubectl('apply -f -', listOf(meshTrust(own), ...others.map((one) => meshTrust(one))));
    await stage.kubectl('apply --namespace team -f -', meshTrust(teams, 'default', 'team'));
    const meshtrust = await stage.meshtrust({ args: ['--kube-all-namespaces'] });
    const envoys = await stage.envoys(meshtrust);
    for (const { client } of [own, teams, ...others]) await untilAll(envoys, client, 'accepted');
    await stage.kubectl('delete --namespace team mtrust shared.test');
    await untilAll(envoys, teams.client, 'refused');
    await untilAll(envoys, own.client, 'accepted');
    await removeNamespace(stage, 'team');
    await stage.kubectl('apply -f -', meshTrust(makeDomain('later.test')));
    const detail = async (): Promise<string> => (await meshtrust.admin('/api/v1/meshes/default')).body;
    await meshtrust.logged('the later object', (line) => JSON.stringify(line).includes('later.test'));
    assert.match(await detail(), /default\/kuma-system\/shared\.test/);
    for (const { client } of [own, ...others]) await untilAll(envoys, client, 'accepted');
  },
);

test(
  'directories and the cluster: are merged, and a failure of one does not affect the other',
  { skip },
  async () => {
    await using stage = await startStage();
    await using dir = await makeTempDir();
    const put = async (name: string, pems: readonly string[]): Promise<void> => {
      await writeFile(dir.join('.new'), meshTrustYaml({ name, trustDomain: name, pems }));
      await rename(dir.join('.new'), dir.join(`${name}.yaml`));
    };
    const [inCluster, inFile] = [makeDomain('shared.test'), makeDomain('shared.test')];
    const [late, last] = [makeDomain('late.test'), makeDomain('last.test')];
    await stage.kubectl('apply -f -', meshTrust(inCluster));
    await put('shared.test', [inFile.ca.certPem]);
    const meshtrust = await stage.meshtrust({ dirs: [dir.path] });
    const envoys = await stage.envoys(meshtrust);
    for (const { client } of [inCluster, inFile]) await untilAll(envoys, client, 'accepted');

    await stage.cluster.stopServer();
    await meshtrust.logged('the failure', (line) => JSON.stringify(line).includes('cannot be reached'));
    await put('late.test', [late.ca.certPem]);
    for (const { client } of [late, inCluster, inFile]) await untilAll(envoys, client, 'accepted');
    await stage.cluster.startServer();

    await rename(dir.path, `${dir.path}.away`);
    try {
      await stage.kubectl('apply -f -', meshTrust(last));
      for (const { client } of [last, late, inCluster, inFile])
        await untilAll(envoys, client, 'accepted', 20_000);
    } finally {
      await rename(`${dir.path}.away`, dir.path);
    }
    await stage.kubectl('delete mtrust shared.test');
    await untilAll(envoys, inCluster.client, 'refused');
    await untilAll(envoys, inFile.client, 'accepted');
  },
);
