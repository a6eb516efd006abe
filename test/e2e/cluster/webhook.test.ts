import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';

import type { TlsMaterial } from '../../../src/net/tls-material.ts';
import { createApiClient } from '../../../src/kubernetes/client/api-client.ts';
import { loadKubeConfig } from '../../../src/kubernetes/client/kube-config.ts';
import { issueCertificate } from '../../../src/kubernetes/webhook/issue-certificate.ts';
import { keepCertificate } from '../../../src/kubernetes/webhook/keep-certificate.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { untilCondition, untilEvent } from './object-status.ts';
import { allow, readRoles, rightsOf } from './roles.ts';
import { untilAll } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { makeOverlay } from './overlay.ts';
import { meshTrust, namespace, skip, startStage } from './stage.ts';
import type { Stage } from './stage.ts';
import { webhookConfiguration } from './webhook-configuration.ts';

const day = 86_400_000;
const damaged = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

/** Returns a MeshTrust with any PEM texts. */
function withPems(name: string, ...pems: readonly string[]): string {
  const object = JSON.parse(meshTrust(makeDomain(name))) as { spec: { caBundles: unknown } };
  object.spec.caBundles = pems.map((value) => ({ type: 'Pem', pem: { value } }));
  return JSON.stringify(object);
}

/** The configuration of a webhook for MeshTrusts. */
const configuration = (port: number, ca: Pick<Certificate, 'certPem'>): string =>
  webhookConfiguration(port, ca, { apiGroup: 'kuma.io', resource: 'meshtrusts', scope: 'Namespaced' });

/** The text that kubectl prints on both outputs, and whether it succeeded. */
async function run(
  stage: Stage,
  command: string,
  input?: string,
): Promise<{ readonly ok: boolean; readonly text: string }> {
  return stage.cluster.kubectl(['--namespace', namespace, ...command.split(' ')], input).then(
    ({ stdout, stderr }) => ({ ok: true, text: stdout + stderr }),
    (error: unknown) => ({ ok: false, text: String(error) }),
  );
}

test('admission webhook: warns and refuses', { skip }, async (t) => {
  await using stage = await startStage();
  const ca = makeCa({ commonName: 'Webhook CA' });
  const serving = makeLeaf(ca, { commonName: 'meshtrust', dnsNames: ['localhost'] });
  const port = await freePort();
  const webhook = [
    `--webhook-listen=localhost:${port}`,
    `--webhook-cert=${await stage.cluster.writeFile('webhook.crt', serving.certPem)}`,
    `--webhook-key=${await stage.cluster.writeFile('webhook.key', serving.keyPem)}`,
  ];
  const meshtrust = await stage.meshtrust({ args: ['--guard-hold=1s', ...webhook] });
  const envoys = await stage.envoys(meshtrust);
  const good = makeDomain('good.test');
  const bad = withPems('bad.test', makeCa().certPem, makeCa().certPem + damaged);
  await stage.kubectl('apply -f -', configuration(port, ca));
  await poll('the API server to send reviews', async () =>
    (await run(stage, 'create --dry-run=server -f -', bad)).ok ? undefined : true,
  );

  await t.test('valid object: is applied without a warning', async () => {
    assert.deepEqual(await run(stage, 'apply -f -', meshTrust(good)), {
      ok: true,
      text: 'meshtrust.kuma.io/good.test created\n',
    });
    await untilAll(envoys, good.client, 'accepted');
  });

  await t.test('bad certificate: is refused, with the block and the reason', async () => {
    const { ok, text } = await run(stage, 'apply -f -', bad);
    assert.equal(ok, false);
    assert.match(
      text,
      /The MeshTrust "bad\.test" is invalid: spec\.caBundles\[1\]\.pem\.value: block 2: MT014 \w/,
    );
    assert.equal((await run(stage, 'get mtrust bad.test')).ok, false);
  });

  await t.test('patch that breaks a valid object: is refused, and trust does not change', async () => {
    const spec = { caBundles: [{ type: 'Pem', pem: { value: damaged } }] };
    const file = await stage.cluster.writeFile('patch.json', JSON.stringify({ spec }));
    const { ok, text } = await run(stage, `patch mtrust good.test --type=merge --patch-file=${file}`);
    assert.equal(ok, false);
    assert.match(text, /MT005 the resource has no usable CA certificate/);
    await untilAll(envoys, good.client, 'accepted');
  });

  await t.test('intermediate that will be re-rooted: kubectl prints a warning', async () => {
    const intermediate = makeIntermediate(makeCa({ commonName: 'Root' }));
    const { ok, text } = await run(stage, 'apply -f -', withPems('inter.test', intermediate.certPem));
    assert.equal(ok, true);
    assert.match(
      text,
      /^Warning: spec\.caBundles\[0\]\.pem\.value block 1: MT020 CA CN=.+ is an intermediate whose issuer/m,
    );
  });

  await t.test('CA that expires soon: kubectl prints a warning', async () => {
    const soon = makeCa({ notAfter: new Date(Date.now() + 3 * day) });
    const { ok, text } = await run(stage, 'apply -f -', withPems('soon.test', soon.certPem));
    assert.equal(ok, true);
    assert.match(
      text,
      /^Warning: spec\.caBundles\[0\]\.pem\.value block 1: MT023 CA CN=.+ expires on \S+, within 7 days; list its successor beside it$/m,
    );
  });

  await t.test('removed CA: kubectl prints a warning, and the CA is removed', async () => {
    const next = makeDomain('good.test');
    const { ok, text } = await run(stage, 'apply -f -', meshTrust(next));
    assert.equal(ok, true);
    assert.match(text, /^Warning: trust domain good\.test of mesh default loses CA [0-9a-f]{16}/m);
    await untilAll(envoys, good.client, 'refused');
    await untilAll(envoys, next.client, 'accepted');
    const deleted = await run(stage, 'delete mtrust good.test');
    assert.match(deleted.text, /^Warning: trust domain good\.test of mesh default is left without any CA/m);
    assert.equal(deleted.ok, true);
  });

  await t.test('generated name: the object is reviewed', async () => {
    const object = JSON.parse(meshTrust(makeDomain('made.test'))) as { metadata: object };
    object.metadata = { ...object.metadata, name: undefined, generateName: 'made-' };
    const { ok, text } = await run(stage, 'create -f -', JSON.stringify(object));
    assert.deepEqual([ok, text.replace(/made-\w+/, 'made-x')], [true, 'meshtrust.kuma.io/made-x created\n']);
  });

  await t.test(
    'API server that does not trust the certificate: accepts all objects, and the webhook reports it',
    async () => {
      await stage.kubectl('apply -f -', configuration(port, makeCa({ commonName: 'Another' })));
      await poll(
        'the bad object to pass',
        async () => (await run(stage, 'create --dry-run=server -f -', bad)).ok || undefined,
      );
      const { msg } = await meshtrust.logged('the handshake', ({ result }) => result === 'untrusted');
      assert.match(String(msg), /does not trust its certificate: the caBundle .*: TLS alert: /);
      const counts = await meshtrust.metric('meshtrust_webhook_requests_total');
      assert.ok(counts.get('result="untrusted"')! > 0);
      await stage.kubectl('apply -f -', configuration(port, ca));
    },
  );

  await t.test('reviews: are counted', async () => {
    const counts = await meshtrust.metric('meshtrust_webhook_requests_total');
    for (const result of ['allowed', 'warned', 'refused'])
      assert.ok(counts.get(`result="${result}"`)! > 0, result);
    for (const result of ['malformed', 'error']) assert.equal(counts.get(`result="${result}"`), 0, result);
  });

  await t.test('shutdown: reviews are answered while the cluster still sends them', async () => {
    const ended = meshtrust.stop('SIGTERM');
    await meshtrust.logged('the start of draining', ({ event }) => event === 'draining');
    assert.equal((await run(stage, 'create --dry-run=server -f -', bad)).ok, false);
    assert.deepEqual(await ended, { code: 0, signal: null });
  });

  await t.test('webhook down: a bad object is applied, and its status reports it', async () => {
    assert.equal((await run(stage, 'apply -f -', bad)).text, 'meshtrust.kuma.io/bad.test created\n');
    await stage.meshtrust({ args: ['--guard-hold=1s', ...webhook] });
    const accepted = await untilCondition(stage, 'bad.test', 'Accepted', 'PartlyRefused');
    assert.match(accepted.message, /block 2: MT014 /);
    await untilEvent(stage, 'bad.test', 'PartlyRefused');
  });

  await t.test('missing certificate: trust is served', async () => {
    await using other = await stage.meshtrust({
      args: ['--guard-hold=1s', '--webhook-listen=127.0.0.1:0', '--webhook-cert=none', '--webhook-key=none'],
    });
    assert.equal((await other.admin('/readyz')).status, 200);
    await other.logged(
      'the certificate',
      ({ event, reason }) => event === 'webhook' && /no such file or directory/.test(String(reason)),
    );
    assert.equal((await other.metric('meshtrust_webhook_certificate_expiry_timestamp_seconds')).get(''), 0);
  });

  await t.test('object that was invalid before: other changes of it are allowed', async () => {
    await poll('the webhook to receive reviews again', async () =>
      (await run(stage, 'create --dry-run=server -f -', withPems('b.test', damaged))).ok ? undefined : true,
    );
    for (const command of ['annotate mtrust bad.test a=b', 'label mtrust bad.test c=d'])
      assert.equal((await run(stage, command)).ok, true, command);
    assert.match((await run(stage, 'label mtrust bad.test kuma.io/mesh=x --overwrite')).text, /MT014/);
  });
});

test('webhook whose replicas issue its certificate: reviews objects', { skip }, async (t) => {
  await using stage = await startStage();
  await using overlay = await makeOverlay('webhook');
  const ports = [await freePort(), await freePort()] as const;
  const bad = withPems('bad.test', damaged);
  /** Makes the API server send reviews to that replica. There is no Service. */
  const leadTo = async (port: number): Promise<void> => {
    const clientConfig = [{ op: 'remove', path: '/webhooks/0/clientConfig/service' }].slice(
      port === ports[0] ? 0 : 1,
    );
    const url = {
      op: 'add',
      path: '/webhooks/0/clientConfig/url',
      value: `https://localhost:${port}/validate`,
    };
    const file = await stage.cluster.writeFile('url.json', JSON.stringify([...clientConfig, url]));
    await stage.kubectl(`patch validatingwebhookconfiguration meshtrust --type=json --patch-file=${file}`);
  };
  const caBundle = async (): Promise<string> => {
    const path = '{.webhooks[0].clientConfig.caBundle}';
    const text = await stage.kubectl(`get validatingwebhookconfiguration meshtrust -o jsonpath=${path}`);
    return Buffer.from(text, 'base64').toString();
  };
  const authorities = async (): Promise<readonly X509Certificate[]> =>
    (await caBundle())
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .filter((pem) => pem !== '')
      .map((pem) => new X509Certificate(pem));
  let replicas: readonly Meshtrust[] = [];
  const untilRefused = (): Promise<true> =>
    poll('the bad object to be refused', async () =>
      (await run(stage, 'create --dry-run=server -f -', bad)).ok ? undefined : true,
    );

  await t.test('component: is accepted by the API server without a warning', async () => {
    const options = ['--validate=strict', '--warnings-as-errors'];
    await stage.cluster.kubectl(['apply', ...options, '-k', overlay.path]);
    const deployment = await stage.kubectl('get deployment meshtrust -o json');
    assert.match(deployment, /"--webhook-secret=meshtrust-webhook"/);
    await leadTo(ports[0]);
  });

  await t.test(
    'replicas that start at once: serve one certificate, which the API server trusts',
    async () => {
      replicas = await Promise.all(
        ports.map((port) =>
          stage.meshtrust({
            args: [
              '--guard-hold=1s',
              `--webhook-listen=localhost:${port}`,
              '--webhook-secret=meshtrust-webhook',
            ],
          }),
        ),
      );
      await untilRefused();
      await leadTo(ports[1]);
      await untilRefused();
      const ca = await caBundle();
      const [first, second] = await Promise.all(ports.map((port) => fingerprintAt(port, ca)));
      assert.match(first ?? '', /^[0-9A-F:]{95}$/);
      assert.equal(first, second);
    },
  );

  await t.test('certificate that expires soon: is replaced by one of the replicas', async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    const [before] = await authorities();
    const client = createApiClient(() => loadKubeConfig(stage.account.kubeconfig));
    const clock = { now: Date.now() + 61 * day };
    const [issued, loaded]: [string[], TlsMaterial[]] = [[], []];
    const racing = [1, 2, 3].map(() =>
      keepCertificate({
        client,
        namespace,
        secret: 'meshtrust-webhook',
        configuration: 'meshtrust',
        issue: issueCertificate,
        onIssued: (reason) => issued.push(reason),
        now: () => clock.now,
        times: { everyMs: 200, spreadMs: 0 },
      })({ loaded: (material) => loaded.push(material), refused: assert.fail }),
    );
    await poll('all replicas to have a certificate', () => loaded.length === 3 || undefined);
    assert.deepEqual(issued, ['the certificate expires soon']);
    assert.equal(new Set(loaded.map(({ fingerprint }) => fingerprint)).size, 1);
    const own = new X509Certificate(loaded[0]!.certificate);
    const [next, old] = await authorities();
    assert.ok(next !== undefined && own.verify(next.publicKey));
    assert.equal(old?.fingerprint256, before?.fingerprint256);
    clock.now += 40 * day;
    await poll('the old CA to be removed', async () => (await authorities()).length === 1 || undefined);
    assert.equal((await authorities())[0]?.fingerprint256, next.fingerprint256);
    await Promise.all(racing.map((one) => one.close()));
    client.close();
  });

  await t.test('service account: has no other rights on Secrets and configurations', async () => {
    const may = (verb: string, resource: string): Promise<boolean> =>
      run(stage, `auth can-i ${verb} ${resource} --as=system:serviceaccount:${namespace}:meshtrust`).then(
        ({ ok }) => ok,
      );
    const [secret, configuration] = [
      'secrets/meshtrust-webhook',
      'validatingwebhookconfigurations/meshtrust',
    ];
    for (const one of [secret, configuration])
      for (const verb of ['get', 'patch']) assert.ok(await may(verb, one), `${verb} ${one}`);
    assert.ok(!(await may('create', 'secrets')), 'create secrets');
    for (const verb of ['get', 'list', 'watch', 'update', 'patch', 'delete'])
      for (const resource of ['secrets/other', 'validatingwebhookconfigurations/other'])
        assert.ok(!(await may(verb, resource)), `${verb} ${resource}`);
  });

  /** Runs `keepCertificate` until the certificate is loaded, or until it is refused with a reason. */
  const keepOnce = async (now: number): Promise<string> => {
    const client = createApiClient(() => loadKubeConfig(stage.account.kubeconfig));
    const { promise, resolve } = Promise.withResolvers<string>();
    const keeping = keepCertificate({
      client,
      namespace,
      secret: 'meshtrust-webhook',
      configuration: 'meshtrust',
      issue: issueCertificate,
      onIssued: () => undefined,
      now: () => now,
    })({ loaded: () => resolve('loaded'), refused: resolve });
    const outcome = await promise;
    await keeping.close();
    client.close();
    return outcome;
  };

  await t.test('attacker with the service account: gets no token of another account', async () => {
    const token = {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/service-account-token',
      metadata: {
        name: 'meshtrust-webhook',
        annotations: { 'kubernetes.io/service-account.name': 'default' },
      },
    };
    const as = (command: string, input?: string) =>
      run(stage, `${command} --as=system:serviceaccount:${namespace}:meshtrust`, input);
    const free = { ...token, metadata: { ...token.metadata, name: 'free' } };
    assert.match((await as('create -f -', JSON.stringify(free))).text, /cannot create resource "secrets"/);
    const patch = JSON.stringify({ type: token.type });
    assert.match(
      (await as(`patch secret meshtrust-webhook --type=merge --patch=${patch}`)).text,
      /field is immutable/,
    );
  });

  await t.test('Secret of another type: is neither used nor written', async () => {
    const before = await caBundle();
    await stage.kubectl('delete secret meshtrust-webhook');
    const basic = { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/basic-auth' };
    const content = { metadata: { name: 'meshtrust-webhook' }, stringData: { username: 'u', password: 'p' } };
    await stage.kubectl('create -f -', JSON.stringify({ ...basic, ...content }));
    assert.match(await keepOnce(Date.now()), /cannot be used: its type is not Opaque or kubernetes\.io\/tls/);
    const { data } = JSON.parse(await stage.kubectl('get secret meshtrust-webhook -o json')) as {
      readonly data: object;
    };
    assert.deepEqual(Object.keys(data).sort(), ['password', 'username']);
    assert.equal(await caBundle(), before);
    await stage.kubectl('delete secret meshtrust-webhook');
    assert.match(await keepOnce(Date.now()), /does not exist: create an empty one of type Opaque/);
  });

  await t.test('manifest of the Secret applied again: the certificate remains', async () => {
    const manifest = fileURLToPath(new URL('../../../deploy/kustomize/webhook/secret.yaml', import.meta.url));
    const apply = () => stage.kubectl(`apply -f ${manifest}`);
    const data = async () =>
      JSON.stringify(await stage.kubectl('get secret meshtrust-webhook -o jsonpath={.data}'));
    await apply();
    assert.equal(await keepOnce(Date.now()), 'loaded');
    const before = await data();
    assert.match(before, /tls\.key/);
    await apply();
    assert.equal(await data(), before);
  });

  const roles = await readRoles(new URL('../../../deploy/kustomize/webhook/rbac.yaml', import.meta.url));
  const rights = roles.flatMap(rightsOf);
  assert.deepEqual(
    rights.map(({ text }) => text),
    [
      'get secrets/meshtrust-webhook',
      'patch secrets/meshtrust-webhook',
      'get validatingwebhookconfigurations/meshtrust',
      'patch validatingwebhookconfigurations/meshtrust',
    ],
  );
  for (const right of rights) {
    await t.test(`each right is necessary: ${right.text}`, async () => {
      const [verb = '', resource = ''] = right.text.split(' ');
      let now = Date.now();
      const forget = async (): Promise<void> =>
        void (await stage.kubectl('patch secret meshtrust-webhook --type=merge --patch={"data":null}'));
      /** Makes the right necessary: a valid certificate is not replaced, and a known CA is not written. */
      const need = async (): Promise<void> => {
        if (verb === 'get') return;
        if (resource.startsWith('secrets/')) now += 61 * day;
        else await forget();
      };
      await forget();
      assert.equal(await keepOnce(now), 'loaded');
      await allow(
        stage,
        roles,
        rights.filter((one) => one !== right),
      );
      // The authorizer reads a new role with a delay.
      const refusal = await poll('the API server to forbid the request', async () => {
        await need();
        const outcome = await keepOnce(now);
        return outcome === 'loaded' ? undefined : outcome;
      });
      assert.match(refusal, new RegExp(`cannot ${verb} resource`));
      await allow(stage, roles, rights);
      await poll(
        'the request to be allowed again',
        async () => (await keepOnce(now)) === 'loaded' || undefined,
      );
    });
  }
});

/** Returns the certificate of a server on this machine, if one of these CAs issued it. */
async function fingerprintAt(port: number, ca: string): Promise<string> {
  const options = { host: 'localhost', port, ca, servername: 'localhost' };
  const socket = connect(options);
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}
