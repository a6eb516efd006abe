import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { suite, test } from 'node:test';

import type { Command, Option } from 'commander';
import { load } from 'js-yaml';

import { createProgram } from '../../../src/cli/program.ts';
import { findTool } from '../../kit/find-tool.ts';
import { chart, readManifests, renderChart, runHelm, withImage } from '../../kit/helm.ts';
import type { ChartValues, Manifest } from '../../kit/helm.ts';
import { contradictions, refusedValues, valueCases } from './value-cases.ts';

const found = await findTool('helm');
const skip = found.kind === 'missing' ? found.reason : false;
const render = (values?: ChartValues): Promise<readonly Manifest[]> => renderChart(runHelm(found), values);
const repository = new URL('../../../', import.meta.url);
const fileOf = (path: string): Promise<string> => readFile(new URL(path, repository), 'utf8');

interface PodTemplate {
  readonly spec: {
    readonly automountServiceAccountToken: boolean;
    readonly containers: readonly [
      {
        readonly args: readonly string[];
        readonly image: string;
        readonly livenessProbe?: unknown;
        readonly readinessProbe?: unknown;
        readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
      },
    ];
    readonly volumes?: readonly { readonly name: string }[];
  };
}

/** Returns the only object of a kind. */
function only(objects: readonly Manifest[], kind: string): Manifest {
  const [found, ...others] = objects.filter((object) => object.kind === kind);
  assert.ok(found !== undefined && others.length === 0, `${kind}: one among ${objects.length} objects`);
  return found;
}

/** Returns the pod template of the Deployment. */
function podOf(objects: readonly Manifest[]): PodTemplate {
  return (only(objects, 'Deployment')['spec'] as { readonly template: PodTemplate }).template;
}

/** Creates the program, and returns it with its command `serve`. */
function serveOf(args: readonly string[]): { readonly program: Command; readonly serve: Command } {
  const silent = new Writable({ write: (_, __, done) => done() });
  const io = { args, env: {}, stdout: silent, stderr: silent, signal: AbortSignal.abort() };
  const program = createProgram(io, io, undefined, () => undefined);
  const serve = program.commands.find((command) => command.name() === 'serve');
  assert.ok(serve !== undefined);
  return { program, serve };
}

const serveOptions = (): readonly Option[] => serveOf([]).serve.options;

/** Returns the options that the program parses from a command line. */
async function parse(args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  let parsed: Readonly<Record<string, unknown>> = {};
  const { program, serve } = serveOf(args);
  serve.action(() => {
    parsed = serve.opts();
  });
  await program.parseAsync(args, { from: 'user' });
  return parsed;
}

suite('chart', { skip }, () => {
  test('any values: the linter reports nothing', async () => {
    const helm = runHelm(found);
    for (const [what, values] of Object.entries(valueCases)) {
      const { stdout } = await helm(['lint', '--strict', chart], withImage(values));
      assert.match(stdout, /1 chart\(s\) linted, 0 chart\(s\) failed/, what);
      assert.doesNotMatch(stdout, /\[(?:WARNING|ERROR)\]/, what);
    }
  });

  test('version, CRD and alert rules: are the same as outside of the chart', async () => {
    const { version, appVersion } = load(await fileOf('deploy/helm/meshtrust/Chart.yaml')) as Record<
      string,
      string
    >;
    const manifest = JSON.parse(await fileOf('package.json')) as { readonly version: string };
    assert.deepEqual([version, appVersion], [manifest.version, manifest.version]);
    const copies = {
      'meshtrusts.kuma.io.yaml': 'deploy/crd',
      'meshtrust.rules.yaml': 'deploy/observability',
    };
    for (const [file, folder] of Object.entries(copies)) {
      assert.equal(
        await fileOf(`deploy/helm/meshtrust/files/${file}`),
        await fileOf(`${folder}/${file}`),
        `run: cp ${folder}/${file} deploy/helm/meshtrust/files/`,
      );
    }
  });

  test('CRD: is rendered, and kept by default', async () => {
    const crdOf = async (values: ChartValues): Promise<Manifest | undefined> =>
      (await render(values)).find(({ kind }) => kind === 'CustomResourceDefinition');
    const kept = await crdOf({});
    const { spec } = load(await fileOf('deploy/crd/meshtrusts.kuma.io.yaml')) as Manifest & { spec: unknown };
    assert.deepEqual(kept?.['spec'], spec);
    assert.deepEqual(kept?.metadata.annotations, { 'helm.sh/resource-policy': 'keep' });
    assert.equal((await crdOf({ crds: { keep: false } }))?.metadata.annotations, undefined);
    assert.equal(await crdOf({ crds: { enabled: false } }), undefined);
  });

  test('any values: the program accepts the command line', async () => {
    for (const [what, values] of Object.entries(valueCases)) {
      const { args } = podOf(await render(values)).spec.containers[0];
      const taken = await parse(args);
      assert.equal(taken['probeListen'], '0.0.0.0:5681', what);
      // If a flag occurs twice, the last one wins without notice.
      const names = args.map((arg) => arg.split('=', 1)[0]).filter((name) => name !== '--dir');
      assert.equal(new Set(names).size, names.length, `${what}: ${args.join(' ')}`);
    }
    await assert.rejects(parse(['serve', '--kube-namespaces=x']), /unknown option/);
  });

  test('each value: reaches the objects', async () => {
    const values = valueCases['every flag'] ?? {};
    const { args } = podOf(await render(values)).spec.containers[0];
    const taken = await parse(args);
    const expected = {
      kubernetes: true,
      kubeNamespace: 'kuma-system',
      kubeLease: 'test-meshtrust',
      kubeLeaseNamespace: 'meshtrust-system',
      kubeStatus: true,
      xdsListen: '0.0.0.0:5678',
      xdsAuth: ['none'],
      xdsTokenAudience: 'trust.test',
      xdsTokenIssuer: 'https://issuer.test',
      xdsTokenCache: 10_000,
      xdsMaxStreamAge: 1_800_000,
      accessLogListen: '0.0.0.0:5682',
      adminListen: '127.0.0.1:9000',
      defaultMesh: 'mesh-1',
      rootTrustDomain: 'root.test',
      refuseIntermediates: true,
      distrust: '/distrust/list',
      identities: true,
      zone: 'east',
      zones: ['east', 'west'],
      identityLinger: { kind: 'fixed', ms: 3_600_000 },
      identitySecret: [{ namespace: 'kuma-system', name: 'identity-root-ca' }],
      identityRoot: '/ca',
      federation: true,
      federationClass: 'spire',
      federationClassless: false,
      federationWebCa: '/federation/ca.crt',
      federationDenyPrivate: true,
      federationMinInterval: 60_000,
      federationMaxInterval: 3_600_000,
      federationMaxAge: 259_200_000,
      importKubeconfig: '/import/kubeconfig',
      importContext: 'global',
      importNamespace: 'kuma-global',
      importTrustDomain: new Map([['west', new Set(['west.test', 'other.test'])]]),
      stateDir: '/state/meshtrust',
      guardHold: 0,
      maxDocumentBytes: 2_097_152,
      maxCertificates: 500,
      cacheBytes: 134_217_728,
      workers: 64,
      maxNames: 10,
      maxStreams: 50_000_000,
      openRate: 999_999_999_999,
      openBurst: 1,
      maxConnectionStreams: 100,
      maxRequestBytes: 1_048_576,
      requestTimeout: 20_000,
      slowTimeout: 500,
      keepalive: 3_600_000,
      keepaliveTimeout: 120_000,
      lostWindow: 1_200_000,
      maxConnectionAge: 0,
      xdsTransport: 'grpc-js',
      drainGrace: 10_000,
      caMetrics: false,
      logLevel: 'debug',
      logFormat: 'pretty',
    };
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(taken[name], value, name);
  });

  test('each flag: has a value', async () => {
    // The service account provides the address of the API server.
    const needless = ['--kubeconfig'];
    const given = new Set<string>(needless);
    for (const values of Object.values(valueCases))
      for (const arg of podOf(await render({ ...values, extraArgs: [] })).spec.containers[0].args)
        given.add(arg.split('=', 1)[0] ?? '');
    const flags = serveOptions().flatMap(({ long }) => long ?? []);
    assert.ok(flags.length > 40);
    assert.deepEqual(
      flags.filter((flag) => !given.has(flag)),
      [],
    );
  });

  test('admin API: is opened only if its clients are authenticated', async () => {
    const argsOf = async (what: string): Promise<readonly string[]> =>
      podOf(await render(valueCases[what])).spec.containers[0].args.filter((arg) =>
        arg.startsWith('--admin'),
      );
    const tls = ['--admin-cert=/admin-tls/tls.crt', '--admin-key=/admin-tls/tls.key'];
    const open = ['--admin-listen=0.0.0.0:5680', ...tls, '--admin-client-ca=/admin-tls/ca.crt'];
    assert.deepEqual(await argsOf('admin API with a client certificate'), open);
    assert.deepEqual(await argsOf('admin API with a token or a client certificate'), [
      ...open,
      '--admin-token-file=/admin-token/token',
    ]);
    assert.deepEqual(await argsOf('defaults'), []);
    const ports = (objects: readonly Manifest[]): string => JSON.stringify(only(objects, 'NetworkPolicy'));
    assert.doesNotMatch(ports(await render()), /"admin"/);
    assert.match(ports(await render(valueCases['admin API with a client certificate'])), /"admin"/);
  });

  test('bundle endpoint: each value reaches the objects', async () => {
    const objects = await render(valueCases['bundle endpoint']);
    const taken = await parse(podOf(objects).spec.containers[0].args);
    const expected = {
      bundleListen: '0.0.0.0:8444',
      bundleProfile: 'spiffe',
      bundleCert: '/bundle-tls/tls.crt',
      bundleKey: '/bundle-tls/tls.key',
      bundleServe: [
        { mesh: 'default', trustDomain: '*' },
        { mesh: 'edge', trustDomain: 'edge.example' },
      ],
      bundleRefreshHint: 3_600_000,
      bundleRate: 10,
    };
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(taken[name], value, name);
    const service = objects.find(({ metadata }) => metadata.name === 'test-meshtrust-bundle');
    assert.deepEqual((service as unknown as { readonly spec: { readonly ports: unknown } }).spec.ports, [
      { name: 'bundle', port: 8444, targetPort: 'bundle', appProtocol: 'https' },
    ]);
    const ports = (all: readonly Manifest[]): string => JSON.stringify(only(all, 'NetworkPolicy'));
    assert.match(ports(objects), /"bundle"/);
    assert.doesNotMatch(ports(await render()), /"bundle"/);
    assert.equal((await render()).length, objects.length - 1);
  });

  test('files of the command line: are mounted', async () => {
    const cases = [
      'every flag',
      'TLS with client certificates',
      'directories and the cluster',
      'TLS with certificates of a mesh, and rules',
      'webhook with certificate files',
      'admin API with a token or a client certificate',
      'bundle endpoint',
    ];
    const paths =
      /^--(?:bundle-cert|bundle-key|tls-cert|tls-key|tls-client-ca|admin-cert|admin-key|admin-client-ca|admin-token-file|webhook-cert|webhook-key|distrust|xds-access|state-dir|dir)=(\/[^/]+)/;
    let named = 0;
    for (const what of cases) {
      const { containers, volumes = [] } = podOf(await render(valueCases[what])).spec;
      const [{ args, volumeMounts = [] }] = containers;
      for (const path of args.flatMap((arg) => paths.exec(arg)?.[1] ?? [])) {
        const mount = volumeMounts.find(({ mountPath }) => mountPath === path);
        assert.ok(
          volumes.some(({ name }) => name === mount?.name),
          `${what}: ${path}`,
        );
        named += 1;
      }
    }
    assert.equal(named, 17);
  });

  test('no Kubernetes source: no token is mounted', async () => {
    const alone = await render(valueCases['directories only']);
    assert.equal(podOf(alone).spec.automountServiceAccountToken, false);
    assert.ok(!alone.some(({ kind }) => kind.includes('Role')));
    assert.equal(podOf(await render()).spec.automountServiceAccountToken, true);
  });

  test('rights: are the same as in the manifests of kustomize', async () => {
    const manifests = readManifests(await fileOf('deploy/kustomize/rbac.yaml'));
    const rulesOf = (objects: readonly Manifest[]): unknown =>
      objects.filter(({ kind }) => kind === 'Role').map((role) => role['rules']);
    const rendered = await render({ fullnameOverride: 'meshtrust' });
    assert.deepEqual(rulesOf(rendered), rulesOf(manifests));
  });

  test('probes: are the same as in the manifests of kustomize, and allow for one lost connection attempt', async () => {
    const probesOf = (objects: readonly Manifest[]): unknown => {
      const { livenessProbe, readinessProbe } = podOf(objects).spec.containers[0];
      return { livenessProbe, readinessProbe };
    };
    const probes = probesOf(readManifests(await fileOf('deploy/kustomize/deployment.yaml')));
    const httpGet = (path: string): object => ({ httpGet: { path, port: 'probes' }, timeoutSeconds: 3 });
    assert.deepEqual(probes, {
      livenessProbe: httpGet('/healthz'),
      readinessProbe: { ...httpGet('/readyz'), periodSeconds: 2 },
    });
    assert.deepEqual(probesOf(await render()), probes);
  });

  test('webhook: has the same rights as in the manifests of kustomize', async () => {
    const own = await render({ fullnameOverride: 'meshtrust', webhook: { enabled: true } });
    const other = await Promise.all(
      ['rbac.yaml', 'webhook/rbac.yaml', 'webhook/validating-webhook.yaml'].map(async (path) =>
        readManifests(await fileOf(`deploy/kustomize/${path}`)),
      ),
    );
    const said = (objects: readonly Manifest[]): string =>
      JSON.stringify(
        objects
          .filter(({ kind }) => /^(?:Cluster)?Role$|^ValidatingWebhookConfiguration$/.test(kind))
          .map(({ kind, rules, webhooks }) => ({ kind, rules, webhooks }))
          .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
      );
    // The configuration has no namespace, so the one of a release contains the namespace in its name.
    const named = said(own)
      .replaceAll('"meshtrust.meshtrust-system"', '"meshtrust"')
      .replaceAll('"namespace":"meshtrust-system"', '"namespace":"kuma-system"');
    assert.match(named, /"ClusterRole".*"ValidatingWebhookConfiguration"/);
    assert.deepEqual(JSON.parse(named), JSON.parse(said(other.flat())));
  });

  for (const auth of ['token', 'mtls,token', 'mtls', undefined])
    test(`xds.auth ${auth ?? 'by default'}: the right to review tokens exists only with tokens`, async () => {
      const clientTrust = auth?.includes('mtls') === true ? { clientTrust: 'default' } : {};
      const xds = auth === undefined ? {} : { auth, tls: { secretName: 'tls', ...clientTrust } };
      const objects = await render({ xds });
      const reviews = objects.filter((object) => JSON.stringify(object['rules'])?.includes('tokenreviews'));
      const bindings = objects.filter(({ kind }) => kind === 'ClusterRoleBinding');
      if (auth?.includes('token') !== true) {
        assert.deepEqual([reviews, bindings], [[], []]);
        return;
      }
      const [role, ...others] = reviews;
      assert.ok(role !== undefined && others.length === 0);
      assert.equal(role.kind, 'ClusterRole');
      assert.deepEqual(role['rules'], [
        { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
      ]);
      const { metadata } = only(objects, 'ServiceAccount');
      const bound = bindings.find(({ roleRef }) => (roleRef as { name: string }).name === role.metadata.name);
      assert.deepEqual(bound?.['subjects'], [
        { kind: 'ServiceAccount', name: metadata.name, namespace: 'meshtrust-system' },
      ]);
      assert.deepEqual(bound['roleRef'], {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: role.metadata.name,
      });
    });

  test('alerts: are the ones used outside of the chart, and those of the values', async () => {
    const rule = only(await render(valueCases['monitoring']), 'PrometheusRule');
    const { groups } = rule['spec'] as { groups: readonly { name: string; rules: readonly object[] }[] };
    const { groups: shipped } = load(await fileOf('deploy/observability/meshtrust.rules.yaml')) as {
      readonly groups: typeof groups;
    };
    assert.ok(shipped.length > 0);
    assert.deepEqual(groups.slice(0, -1), shipped);
    assert.deepEqual(groups.at(-1)?.rules, [
      { alert: 'Mine', expr: 'meshtrust_ready == 0', labels: { severity: 'none' } },
    ]);
  });

  test('webhook: the API server calls an existing Service, and the program may write its certificate', async () => {
    const objects = await render(valueCases['webhook that issues its certificate']);
    const configuration = only(objects, 'ValidatingWebhookConfiguration');
    const [webhook] = configuration['webhooks'] as readonly [
      { readonly clientConfig: { readonly service: { readonly name: string; readonly namespace: string } } },
    ];
    const { name, namespace } = webhook.clientConfig.service;
    const service = objects.find(({ kind, metadata }) => kind === 'Service' && metadata.name === name);
    assert.equal(service?.metadata.namespace, namespace);
    const { args } = podOf(objects).spec.containers[0];
    const secret = 'test-meshtrust-webhook';
    assert.ok(args.includes(`--webhook-secret=${secret}`));
    assert.ok(args.includes(`--webhook-configuration=${configuration.metadata.name}`));
    const rules = objects.flatMap(({ kind, rules }) =>
      kind === 'Role' || kind === 'ClusterRole'
        ? (rules as readonly {
            readonly resources: readonly string[];
            readonly resourceNames?: readonly string[];
            readonly verbs: readonly string[];
          }[])
        : [],
    );
    const ofSecrets = rules.filter(({ resources }) => resources.includes('secrets'));
    assert.deepEqual(
      ofSecrets.map(({ verbs }) => verbs),
      [['get', 'patch']],
    );
    // The chart creates the Secret, because a right to create Secrets cannot be limited to a name.
    const made = objects.find(({ kind, metadata }) => kind === 'Secret' && metadata.name === secret);
    assert.equal(made?.metadata.namespace, namespace);
    assert.deepEqual(
      [made?.['type'], made?.['data'], made?.['stringData']],
      ['Opaque', undefined, undefined],
    );
    const mayHave = (resource: string) =>
      rules.flatMap(({ resources, resourceNames = [] }) =>
        resources.includes(resource) ? resourceNames : [],
      );
    assert.deepEqual(mayHave('secrets'), [secret]);
    assert.deepEqual(mayHave('validatingwebhookconfigurations'), [configuration.metadata.name]);
    const others = await render(valueCases['webhook with certificate files']);
    assert.ok(!others.some(({ metadata }) => metadata.name.endsWith(secret) && metadata.name !== secret));
    assert.ok(!others.some(({ kind }) => kind === 'ClusterRole'), 'files need no rights');
  });

  test('metrics: an existing Service is scraped', async () => {
    const objects = await render(valueCases['monitoring']);
    const { selector } = only(objects, 'ServiceMonitor')['spec'] as {
      selector: { matchLabels: Record<string, string> };
    };
    const scraped = objects.filter(
      ({ kind, metadata }) =>
        kind === 'Service' &&
        Object.entries(selector.matchLabels).every(([name, value]) => metadata.labels?.[name] === value),
    );
    assert.deepEqual(
      scraped.map(({ metadata }) => metadata.name),
      ['test-meshtrust-metrics'],
    );
  });

  for (const [what, [values, sentence]] of Object.entries(refusedValues)) {
    test(`${what}: is refused`, async () => {
      await assert.rejects(render(values), (error: Error) => {
        assert.match(error.message, /don't meet the specifications of the schema/);
        assert.match(error.message, sentence);
        return true;
      });
    });
  }

  for (const [what, [values, sentence]] of Object.entries(contradictions)) {
    test(`${what}: the error contains the cause`, async () => {
      await assert.rejects(render(values), ({ message }: Error) => message.includes(sentence));
    });
  }

  test('name of a release with dots: the Services have names without dots', async () => {
    const { stdout } = await runHelm(found)(['template', 'my.mesh.v1', chart], withImage());
    const services = readManifests(stdout).filter(({ kind }) => kind === 'Service');
    assert.deepEqual(
      services.map(({ metadata }) => metadata.name),
      ['my-mesh-v1-meshtrust', 'my-mesh-v1-meshtrust-metrics'],
    );
  });

  test('names of digits only, and such as true: are texts in all objects', async () => {
    const helm = runHelm(found);
    const values = {
      fullnameOverride: 'true',
      nameOverride: '0x1',
      priorityClassName: '1e3',
      serviceAccount: { name: '12' },
      kubernetes: { namespace: '1e3' },
      identities: { enabled: true, secrets: ['34'] },
      xds: { auth: 'token', tls: { secretName: '56' } },
      admin: { enabled: true, tls: { secretName: '78' }, tokenSecretName: '90' },
      webhook: { enabled: true },
      federation: { enabled: true, webCaConfigMap: '1.0' },
      bundleEndpoint: { enabled: true, tls: { secretName: '2.0' }, serve: ['default/*'] },
      imports: { kubeconfigSecretName: '3.0' },
      trust: { distrust: ['0'.repeat(64)] },
    };
    const zone = { identities: { ...values.identities, zone: 'zone-1' } };
    const args = ['template', '2026', chart, '--namespace', '1000'];
    const { stdout } = await helm(args, withImage({ ...values, ...zone }));
    const wrong: string[] = [];
    const look = (value: unknown, path: string): void => {
      if (typeof value === 'object' && value !== null)
        for (const [key, inner] of Object.entries(value)) look(inner, `${path}.${key}`);
      else if (/(?:name|namespace|instance|\.resourceNames\.\d+)$/i.test(path) && typeof value !== 'string')
        wrong.push(`${path}: ${String(value)}`);
    };
    for (const object of readManifests(stdout)) look(object, object.kind);
    assert.deepEqual(wrong, []);
  });

  test('values.yaml: documents each value', async () => {
    const defaults = load(await fileOf('deploy/helm/meshtrust/values.yaml')) as Record<string, unknown>;
    const schema = JSON.parse(await fileOf('deploy/helm/meshtrust/values.schema.json')) as {
      readonly properties: Readonly<Record<string, unknown>>;
    };
    // `global` is for parent charts. `replicas` is an earlier name that the templates reject with a hint.
    const known = Object.keys(schema.properties).filter((name) => name !== 'global' && name !== 'replicas');
    assert.deepEqual(Object.keys(defaults).sort(), known.sort());
  });
});
