import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import type { TlsMaterial } from '../../../src/net/tls-material.ts';
import { issueCertificate } from '../../../src/kubernetes/webhook/issue-certificate.ts';
import { keepCertificate } from '../../../src/kubernetes/webhook/keep-certificate.ts';
import type { KeepOptions } from '../../../src/kubernetes/webhook/keep-certificate.ts';
import { poll } from '../../kit/poll.ts';
import { startFakeCluster } from '../status/fake-cluster.ts';
import type { Answer, FakeCluster, Request } from '../status/fake-cluster.ts';

const day = 86_400_000;
const start = Date.UTC(2026, 10, 23);
const configurationPath = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/meshtrust';
const secretPath = '/api/v1/namespaces/ns/secrets/webhook';

interface SecretObject {
  readonly type: string;
  readonly metadata: { readonly resourceVersion: string };
  readonly data: Readonly<Record<string, string>>;
}

/** The Secret as the manifests create it. */
const empty: SecretObject = { type: 'Opaque', metadata: { resourceVersion: 's0' }, data: {} };

/** A cluster with a configuration and one Secret. `answer` may replace its responses. */
class Store {
  version = 1;
  secret: SecretObject | undefined = empty;
  caBundle = '';
  hasConfiguration = true;
  answer: (request: Request) => Answer | undefined = () => undefined;

  handle = (request: Request): Answer => {
    const given = this.answer(request);
    if (given !== undefined) return given;
    const { method, path, body } = request;
    const isStale = (current: string): boolean => {
      const { resourceVersion } = body['metadata'] as { readonly resourceVersion?: string };
      return resourceVersion !== current;
    };
    if (path === configurationPath) {
      if (!this.hasConfiguration) return { status: 404 };
      if (method === 'PATCH') {
        if (isStale(String(this.version))) return { status: 409 };
        this.version += 1;
        const [{ clientConfig }] = body['webhooks'] as [{ clientConfig: { caBundle: string } }];
        this.caBundle = clientConfig.caBundle;
      }
      return { status: 200, object: this.#configuration() };
    }
    assert.equal(path, secretPath);
    if (this.secret === undefined) return { status: 404 };
    if (method === 'PATCH') {
      if (isStale(this.secret.metadata.resourceVersion)) return { status: 409 };
      this.#put(body['data'] as SecretObject['data']);
    }
    return { status: 200, object: this.secret };
  };

  /** Returns the CA certificates that the API server trusts. */
  trusted(): readonly X509Certificate[] {
    return certificates(Buffer.from(this.caBundle, 'base64').toString());
  }

  #put(data: SecretObject['data']): SecretObject {
    this.version += 1;
    this.secret = { ...empty, metadata: { resourceVersion: `s${this.version}` }, data };
    return this.secret;
  }

  #configuration(): object {
    const service = { name: 'meshtrust-webhook', namespace: 'ns' };
    return {
      metadata: { resourceVersion: String(this.version) },
      webhooks: [{ name: 'validate.meshtrusts.kuma.io', clientConfig: { service, caBundle: this.caBundle } }],
    };
  }
}

function certificates(text: string): readonly X509Certificate[] {
  return text
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .filter((pem) => pem !== '')
    .map((pem) => new X509Certificate(pem));
}

/** Longer than any wait for the next read or after a failure. */
const times = { everyMs: 60_000, spreadMs: 1_000_000 };

/** Waits for at most 20 ms. */
const waitBriefly = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  delay(Math.min(milliseconds, 20), undefined, { signal }).catch(() => undefined);

interface Replica {
  readonly loaded: TlsMaterial[];
  readonly refused: string[];
  readonly issued: string[];
}

function replica(
  t: TestContext,
  { client }: FakeCluster,
  clock: { now: number },
  options: Partial<KeepOptions> = {},
): Replica {
  const reported: Replica = { loaded: [], refused: [], issued: [] };
  const source = keepCertificate({
    client,
    namespace: 'ns',
    secret: 'webhook',
    configuration: 'meshtrust',
    issue: issueCertificate,
    onIssued: (reason) => reported.issued.push(reason),
    now: () => clock.now,
    times,
    wait: waitBriefly,
    ...options,
  });
  const running = source({
    loaded: (material) => reported.loaded.push(material),
    refused: (reason) => reported.refused.push(reason),
  });
  t.after(() => running.close());
  return reported;
}

const until = (what: string, holds: () => boolean): Promise<true> => poll(what, () => holds() || undefined);

suite('certificate in a Secret', () => {
  test('empty Secret: a certificate is issued, stored, and trusted by the API server', async (t) => {
    const store = new Store();
    const reported = replica(t, await startFakeCluster(t, store.handle), { now: start });
    await until('a certificate', () => reported.loaded.length > 0);
    const own = new X509Certificate(reported.loaded[0]!.certificate);
    assert.equal(own.checkHost('meshtrust-webhook.ns.svc'), 'meshtrust-webhook.ns.svc');
    assert.deepEqual(
      store.trusted().map((ca) => own.verify(ca.publicKey)),
      [true],
    );
    assert.deepEqual(reported.issued, ['the Secret has no certificate and key yet']);
    assert.deepEqual(reported.refused, []);
  });

  test('certificate that cannot be issued: is reported, and issued by the next attempt', async (t) => {
    let attempts = 0;
    const reported = replica(
      t,
      await startFakeCluster(t, new Store().handle),
      { now: start },
      {
        issue: (options) => {
          attempts += 1;
          return attempts === 1 ? Promise.reject(new Error('no key')) : issueCertificate(options);
        },
      },
    );
    await until('a certificate', () => reported.loaded.length > 0);
    assert.deepEqual([reported.refused, attempts], [['no key'], 2]);
  });

  test('replicas that start at once: use one certificate', async (t) => {
    const store = new Store();
    const cluster = await startFakeCluster(t, store.handle);
    const replicas = [0, 1, 2].map(() => replica(t, cluster, { now: start }));
    await until('all certificates', () => replicas.every(({ loaded }) => loaded.length > 0));
    const inUse = new Set(replicas.map(({ loaded }) => loaded.at(-1)!.fingerprint));
    assert.equal(inUse.size, 1);
    assert.equal(replicas.flatMap(({ issued }) => issued).length, 1);
    assert.equal(store.trusted().length, 1);
  });

  test('certificate that expires soon: is replaced, and the old CA is trusted until it expires', async (t) => {
    const store = new Store();
    const clock = { now: start };
    const cluster = await startFakeCluster(t, store.handle);
    const spread = Promise.withResolvers<void>();
    let spreading = 0;
    const wait: KeepOptions['wait'] = (milliseconds, signal) => {
      if (milliseconds !== times.spreadMs) return waitBriefly(milliseconds, signal);
      spreading += 1;
      return spread.promise;
    };
    const replicas = [0, 1].map(() => replica(t, cluster, clock, { wait }));
    await until('the first certificates', () => replicas.every(({ loaded }) => loaded.length === 1));
    const [before] = store.trusted();
    clock.now = start + 61 * day;
    await until('both replicas to have the next certificate', () => spreading === 2);
    assert.equal(store.trusted().length, 2);
    // No replica serves a certificate whose CA the API server may not know yet.
    assert.deepEqual(
      replicas.map(({ loaded }) => loaded.length),
      [1, 1],
    );
    spread.resolve();
    await until('the next certificates', () => replicas.every(({ loaded }) => loaded.length === 2));
    assert.equal(new Set(replicas.map(({ loaded }) => loaded[1]!.fingerprint)).size, 1);
    assert.equal(store.trusted()[1]?.fingerprint256, before?.fingerprint256);
    clock.now = start + 91 * day;
    await until('one authority', () => store.trusted().length === 1);
    assert.notEqual(store.trusted()[0]?.fingerprint256, before?.fingerprint256);
    assert.deepEqual(replicas.flatMap(({ issued }) => issued).sort(), [
      'the Secret has no certificate and key yet',
      'the certificate expires soon',
    ]);
  });

  test('emptied Secret: a certificate is issued again, and only its CA is trusted', async (t) => {
    const store = new Store();
    const reported = replica(t, await startFakeCluster(t, store.handle), { now: start });
    await until('a certificate', () => reported.loaded.length === 1);
    const [before] = store.trusted();
    store.secret = empty;
    await until('the next certificate', () => reported.loaded.length === 2);
    const own = new X509Certificate(reported.loaded[1]!.certificate);
    assert.deepEqual(
      store.trusted().map((ca) => [ca.fingerprint256 === before?.fingerprint256, own.verify(ca.publicKey)]),
      [[false, true]],
    );
  });

  test('certificate stored without a confirmation, and the Secret emptied then: is not used again', async (t) => {
    const store = new Store();
    store.answer = (request) => {
      if (request.method !== 'PATCH' || request.path !== secretPath) return undefined;
      store.answer = () => undefined;
      store.handle(request);
      return { status: 504, object: { message: 'timeout' } };
    };
    const reported = replica(t, await startFakeCluster(t, store.handle), { now: start });
    await until('a certificate', () => reported.loaded.length === 1);
    assert.deepEqual(reported.issued, ['the API server stored it without a confirmation']);
    // Its key has leaked.
    store.secret = empty;
    await until('the next certificate', () => reported.issued.length === 2);
    await until('the CA of the next one', () => store.trusted().length === 1 && reported.loaded.length === 2);
    assert.notEqual(reported.loaded[1]?.fingerprint, reported.loaded[0]?.fingerprint);
  });

  test('CA removed from the configuration: is written again', async (t) => {
    const store = new Store();
    const reported = replica(t, await startFakeCluster(t, store.handle), { now: start });
    await until('a certificate', () => reported.loaded.length === 1);
    const before = store.caBundle;
    store.caBundle = '';
    store.version += 1;
    await until('the authority', () => store.caBundle === before);
    assert.equal(reported.loaded.length, 1);
  });

  test('no Secret: none is created, the reason is reported, and the Secret is used once it exists', async (t) => {
    const store = new Store();
    store.secret = undefined;
    const cluster = await startFakeCluster(t, store.handle);
    const reported = replica(t, cluster, { now: start });
    await until('the reason', () => reported.refused.length > 0);
    assert.deepEqual(reported.refused, [
      'Secret ns/webhook does not exist: create an empty one of type Opaque',
    ]);
    store.secret = { ...empty, type: 'kubernetes.io/tls' };
    await until('a certificate', () => reported.loaded.length === 1);
    assert.ok(cluster.requests.every(({ method }) => method !== 'POST'));
  });

  test('Secret of another type: is neither used nor written', async (t) => {
    const store = new Store();
    store.secret = { ...empty, type: 'kubernetes.io/service-account-token', data: { token: 'eA==' } };
    const cluster = await startFakeCluster(t, store.handle);
    const reported = replica(t, cluster, { now: start });
    await cluster.until(2, ({ path }) => path === secretPath);
    assert.deepEqual(reported.refused, [
      'Secret ns/webhook cannot be used: its type is not Opaque or kubernetes.io/tls',
    ]);
    assert.ok(cluster.requests.every(({ method }) => method === 'GET'));
    assert.deepEqual(reported.loaded, []);
  });

  test('no configuration, then no right to write: waits, and reports each reason once', async (t) => {
    const store = new Store();
    store.hasConfiguration = false;
    const cluster = await startFakeCluster(t, store.handle);
    let made = 0;
    const reported = replica(
      t,
      cluster,
      { now: start },
      {
        issue: (options) => {
          made += 1;
          return issueCertificate(options);
        },
      },
    );
    await cluster.until(2, ({ path }) => path === configurationPath);
    store.answer = ({ method }) => (method === 'PATCH' ? { status: 403 } : undefined);
    store.hasConfiguration = true;
    await cluster.until(2, ({ method }) => method === 'PATCH');
    store.answer = () => undefined;
    await until('a certificate', () => reported.loaded.length === 1);
    assert.deepEqual(reported.refused, [
      'ValidatingWebhookConfiguration meshtrust: 404',
      'Secret ns/webhook cannot be written: 403',
    ]);
    assert.equal(made, 1);
  });
});
