import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { startChild } from '../../kit/child.ts';
import { freePort } from '../../kit/free-port.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { mostMemory } from '../../kit/most-memory.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { connectProxy } from '../attack/under-attack.ts';
import { insecureKubeconfig } from '../../kit/kubeconfig.ts';

const attack = fileURLToPath(new URL('../../kit/attacks/flood-reviews.ts', import.meta.url));
const floodMs = 5_000;
const cas = [makeCa(), makeCa()] as const;

/** Sends a review of a new MeshTrust with one CA, as the API server does. Returns the HTTP status. */
function honestReview(port: number): Promise<number> {
  const pem = { value: cas[0].certPem };
  const spec = { trustDomain: 'b.test', caBundles: [{ type: 'Pem', pem }] };
  const resource = { group: 'kuma.io', version: 'v1alpha1', resource: 'meshtrusts' };
  const object = { apiVersion: 'kuma.io/v1alpha1', kind: 'MeshTrust', metadata: { name: 'b' }, spec };
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u', resource, operation: 'CREATE', object },
  };
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: '/validate', method: 'POST', agent: false };
    const call = request({ ...options, rejectUnauthorized: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    call.setHeader('content-type', 'application/json');
    call.on('error', reject).end(JSON.stringify(review));
  });
}

/** Starts an API server without MeshTrusts. */
async function emptyCluster(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(({ url = '' }, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    if (url.includes('watch=')) response.flushHeaders();
    else
      response.end(JSON.stringify({ kind: 'MeshTrustList', metadata: { resourceVersion: '1' }, items: [] }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test(
  'flood of large reviews: changes reach proxies within 1 s, honest reviews are answered, memory is bounded',
  { skip: process.platform !== 'linux' && 'reads /proc' },
  async () => {
    await using dir = await makeTempDir();
    await using files = await makeTempDir();
    const port = await freePort();
    const leaf = makeLeaf(makeCa(), { commonName: 'webhook', dnsNames: ['localhost'] });
    await writeFile(files.join('crt'), leaf.certPem);
    await writeFile(files.join('key'), leaf.keyPem);
    await using api = await emptyCluster();
    await writeFile(files.join('kubeconfig'), insecureKubeconfig(api.url, {}));
    const change = (ca: number): Promise<void> =>
      writeFile(
        dir.join('a.yaml'),
        meshTrustYaml({
          name: 'a',
          trustDomain: 'a.test',
          pems: [cas[0].certPem, cas[ca % 2]?.certPem ?? ''],
        }),
      );
    await change(0);
    await using server = await startMeshtrust({
      dirs: [dir.path],
      args: [
        '--kubernetes',
        '--no-kube-status',
        `--kubeconfig=${files.join('kubeconfig')}`,
        `--webhook-listen=127.0.0.1:${port}`,
        `--webhook-cert=${files.join('crt')}`,
        `--webhook-key=${files.join('key')}`,
      ],
    });
    await server.logged('the webhook', ({ msg }) => String(msg).includes('webhook listens'));
    assert.equal(await honestReview(port), 200);
    using proxy = connectProxy(`127.0.0.1:${server.xdsPort}`, 'honest');
    await proxy.next();
    const before = await mostMemory(server);
    await using attacker = await startChild(process.execPath, [attack, String(port), '8', '20000']);
    await poll('the flood', () => attacker.stdout().includes('flooding') || undefined);
    const end = performance.now() + floodMs;
    const [changes, reviews]: [number[], number[]] = [[], []];
    for (let count = 1; performance.now() < end; count += 1) {
      const start = performance.now();
      const changed = proxy.next();
      await change(count);
      await changed;
      changes.push(performance.now() - start);
      reviews.push(await honestReview(port));
      await delay(100);
    }
    assert.ok(Math.max(...changes) < 1000, `changes took ${changes.map(Math.round).join()} ms`);
    assert.deepEqual(new Set(reviews), new Set([200]));
    const grown = (await mostMemory(server)) - before;
    assert.ok(grown < 300 * 2 ** 20, `${Math.round(grown / 2 ** 20)} MiB more`);
    assert.equal(attacker.exited(), undefined);
  },
);
