import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Metadata, credentials } from '@grpc/grpc-js';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { createClient } from '../../xds/client.ts';
import { ads } from '../../xds/loopback/serving.ts';
import { bundleDocument, federatedText } from '../../kit/bundle-endpoint.ts';
import { makeDomain } from '../../kit/domain.ts';
import { globalIdentity, importedTrust } from '../../kit/imports.ts';
import { startKubernetes } from '../../kit/kubernetes.ts';
import type { Kubernetes } from '../../kit/kubernetes.ts';
import { parseSamples, startMeshtrust } from '../../kit/meshtrust.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { untilServed } from '../program/served.ts';
import { federationCrd } from './federation-crd.ts';
import { kumaIdentityCrd, kumaTrustCrd } from './kuma-crds.ts';
import { readRoles, rightsOf } from './roles.ts';
import { findCluster, installCrd, listOf, meshTrust, namespace, skip } from './stage.ts';

const manifests = new URL('../../../deploy/kustomize/', import.meta.url);
const rightsIn = async (file: string): Promise<readonly string[]> =>
  (await readRoles(new URL(file, manifests))).flatMap(rightsOf).map(({ text }) => text);

const base = await rightsIn('rbac.yaml');
/** Whether the CRD has a status. Each service account may ask for it, as the docs say. */
const discovery = 'get /apis/kuma.io/v1alpha1';
/** The Secret of the CA that Kuma generates for the MeshIdentity `identity`. */
const secret = 'identity-root-ca';

/** What a feature needs beside the rights of the server without it, by the manifests. */
interface Feature {
  readonly args: readonly string[];
  readonly rights: readonly string[];
  /** Requests without an object. The docs name them. */
  readonly paths?: readonly string[];
  /** The trust domains that are served. */
  readonly served?: readonly string[];
  /** Objects that are there before the program starts. */
  readonly objects?: readonly string[];
  /** Makes the program use its rights. */
  readonly use?: (program: Meshtrust, cluster: Kubernetes) => Promise<unknown>;
}

const features: Readonly<Record<string, Feature>> = {
  'no feature': { args: [], rights: [] },
  // The component is a patch of the Role.
  identities: {
    args: ['--identities', '--zone=zone-1'],
    rights: ['list meshidentities', 'watch meshidentities'],
  },
  federation: { args: ['--federation'], rights: await rightsIn('federation/rbac.yaml') },
  tokens: {
    args: ['--xds-auth=token'],
    rights: await rightsIn('tokens/rbac.yaml'),
    paths: ['get /openid/v1/jwks'],
    async use({ xdsPort }, cluster) {
      const token = await cluster.kubectl(
        `--namespace ${namespace} create token envoy --audience=meshtrust`.split(' '),
      );
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token.stdout.trim()}`);
      using proxy = createClient(`127.0.0.1:${xdsPort}`, {}, credentials.createInsecure(), metadata);
      using stream = proxy.delta(ads.delta);
      stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node: { id: 'envoy' } });
      await stream.next();
    },
  },
  'identities with a Secret': {
    args: ['--identities', '--zone=zone-1', `--identity-secret=${namespace}/${secret}`],
    rights: [
      'list meshidentities',
      'watch meshidentities',
      `list secrets/${secret}`,
      `watch secrets/${secret}`,
    ],
    objects: [
      globalIdentity('{{ .Mesh }}.{{ .Zone }}.mesh.local'),
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        type: 'system.kuma.io/secret',
        metadata: { name: secret, namespace, labels: { 'kuma.io/mesh': 'default' } },
        data: { value: Buffer.from(makeDomain('generated').ca.certPem).toString('base64') },
      }),
    ],
    served: ['default.zone-1.mesh.local: CA of generated', 'own.test: CA of own.test'],
  },
};

/** Starts an API server with Kuma's resources. */
async function startCluster(stack: AsyncDisposableStack): Promise<Kubernetes> {
  const cluster = stack.use(await startKubernetes(findCluster()));
  await cluster.kubectl(['create', 'namespace', namespace]);
  const kubectl = async (command: string, input?: string): Promise<string> =>
    (await cluster.kubectl(['--namespace', namespace, ...command.split(' ')], input)).stdout;
  await installCrd(kubectl, kumaTrustCrd);
  await kubectl('apply -f -', kumaIdentityCrd);
  await kubectl('wait --for=condition=Established --timeout=30s crd/meshidentities.kuma.io');
  return cluster;
}

/**
 * Makes a service account that may do everything, so that no refusal ends a series of requests. Returns a kubeconfig
 * and the name of the user.
 */
async function startUser(
  cluster: Kubernetes,
  name: string,
): Promise<{ readonly kubeconfig: string; readonly user: string }> {
  const kubectl = (command: string) => cluster.kubectl(command.split(' '));
  await kubectl(`--namespace ${namespace} create serviceaccount ${name}`);
  await kubectl(
    `create clusterrolebinding ${name} --clusterrole=cluster-admin --serviceaccount=${namespace}:${name}`,
  );
  const { kubeconfig } = await cluster.writeKubeconfig(name, await cluster.tokenOf(namespace, name));
  return { kubeconfig, user: `system:serviceaccount:${namespace}:${name}` };
}

/**
 * Returns the number of running watches of all clients for each right to watch. The audit log has a watch at its end.
 */
async function watchesOf(cluster: Kubernetes, rights: readonly string[]): Promise<readonly number[]> {
  const { stdout } = await cluster.kubectl(['get', '--raw', '/metrics']);
  const running = [...parseSamples(stdout, 'apiserver_longrunning_requests')];
  return rights.flatMap((right) => {
    const resource = /^watch ([^/]+)/.exec(right)?.[1];
    if (resource === undefined) return [];
    const counts = running.filter(
      ([labels]) => labels.includes(`resource="${resource}"`) && labels.includes('verb="WATCH"'),
    );
    return counts.reduce((sum, [, count]) => sum + count, 0);
  });
}

/**
 * Asserts that the user asked for nothing but the allowed rights, and for all the wanted ones. Called after the end of
 * the program: the API server records a watch when it ends.
 */
async function assertAsked(
  cluster: Kubernetes,
  user: string,
  allowed: readonly string[],
  wanted: readonly string[],
): Promise<void> {
  const asked = async () => (await cluster.requests()).filter((one) => one.user === user);
  const textsOf = ({ verb, resource, name }: { verb: string; resource: string; name: string }) =>
    [`${verb} ${resource}`, `${verb} ${resource}/${name}`] as const;
  await poll(`the requests ${wanted.join(', ')}`, async () => {
    const used = new Set<string>((await asked()).flatMap(textsOf));
    return wanted.every((right) => used.has(right)) || undefined;
  });
  const beyond = (await asked())
    .map(textsOf)
    .filter((texts) => !allowed.some((right) => right === texts[0] || right === texts[1]))
    .map(([, text]) => text);
  assert.deepEqual([...new Set(beyond)], []);
}

test(
  'requests to the API server: are those that the manifests and the docs name',
  { skip, timeout: 240_000 },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const [cluster, global] = [await startCluster(stack), await startCluster(stack)];
    const own = makeDomain('own.test');
    const td = (zone: string): string => `default.${zone}.mesh.local`;
    const apply = (to: Kubernetes, ...objects: readonly string[]) =>
      to.kubectl(['--namespace', namespace, 'apply', '-f', '-'], listOf(...objects));
    await apply(cluster, JSON.stringify(federationCrd));
    await cluster.kubectl(
      'wait --for=condition=Established --timeout=30s crd/clusterfederatedtrustdomains.spire.spiffe.io'.split(
        ' ',
      ),
    );
    await cluster.kubectl(['--namespace', namespace, 'create', 'serviceaccount', 'envoy']);
    const peer = makeDomain('peer.test');
    await apply(
      cluster,
      meshTrust(own),
      federatedText({
        trustDomain: peer.name,
        url: 'https://127.0.0.1:1/',
        id: `spiffe://${peer.name}/spire/server`,
        bundle: bundleDocument([peer.ca]),
      }),
    );
    await apply(
      global,
      globalIdentity('{{ .Mesh }}.{{ .Zone }}.mesh.local'),
      importedTrust(td('zone-2'), [makeDomain('two').ca.certPem], { origin: 'zone', zone: 'zone-2' }, 'two'),
    );

    let users = 0;
    /** Runs the program until it has used its rights, and returns its user. */
    const underTest = async (
      args: readonly string[],
      wanted: readonly string[],
      check: (program: Meshtrust) => Promise<unknown>,
    ): Promise<string> => {
      users += 1;
      const { kubeconfig, user } = await startUser(cluster, `meshtrust-${users}`);
      const before = await watchesOf(cluster, wanted);
      await using program = await startMeshtrust({
        dirs: [],
        args: ['--kubernetes', `--kubeconfig=${kubeconfig}`, ...args],
      });
      await check(program);
      await poll('the lease', async () => {
        const asked = (await cluster.asked()).filter((one) => one.user === user);
        return asked.some(({ resource }) => resource === 'leases') || undefined;
      });
      await poll('the watches', async () => {
        const now = await watchesOf(cluster, wanted);
        return now.every((count, index) => count > (before[index] ?? 0)) || undefined;
      });
      await program.stop();
      return user;
    };
    const watched = ['list meshtrusts', 'watch meshtrusts'];

    for (const [name, { args, rights, paths = [], objects = [], served, use }] of Object.entries(features))
      await t.test(name, async () => {
        if (objects.length > 0) await apply(cluster, ...objects);
        const wanted = [...watched, ...rights, ...paths];
        const user = await underTest(args, wanted, async (program) => {
          if (served !== undefined) await untilServed(program, served);
          await use?.(program, cluster);
        });
        await assertAsked(cluster, user, [...base, discovery, ...rights, ...paths], wanted);
      });

    await t.test('imports: the rights of both clusters', async () => {
      const { kubeconfig, user: reader } = await startUser(global, 'meshtrust-import');
      const ofReader = (await rightsIn('import-reader/rbac.yaml')).flatMap((right) => {
        const [verb = '', resources = ''] = right.split(' ');
        return resources.split(',').map((resource) => `${verb} ${resource}`);
      });
      assert.equal(ofReader.length, 4);
      const args = ['--zone=zone-1', `--import-kubeconfig=${kubeconfig}`];
      const user = await underTest(args, watched, async (program) => {
        await untilServed(program, [`${td('zone-2')}: CA of two`, 'own.test: CA of own.test']);
        await poll('the watches of the import', async () => {
          const now = await watchesOf(global, ofReader);
          return now.every((count) => count > 0) || undefined;
        });
      });
      await assertAsked(cluster, user, [...base, discovery], watched);
      await assertAsked(global, reader, ofReader, ofReader);
    });

    await t.test('docs: name each of these rights', async () => {
      const docs = await readFile(new URL('../../../docs/kubernetes.md', import.meta.url), 'utf8');
      const rows = docs.split('\n').filter((line) => line.startsWith('| '));
      const all = [...base, ...Object.values(features).flatMap(({ rights }) => rights)];
      for (const right of new Set(all)) {
        const [verb = '', resource = ''] = (right.split('/')[0] ?? '').split(' ');
        const row = rows.find((line) => line.includes(`\`${verb}\``) && line.includes(`\`${resource}`));
        assert.ok(row !== undefined, `no row of docs/kubernetes.md has ${right}`);
      }
      for (const path of Object.values(features).flatMap(({ paths = [] }) => paths))
        assert.ok(docs.includes(path.replace('get ', '')), path);
    });
  },
);
