import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { suite, test } from 'node:test';
import { createClient } from '../../xds/client.ts';
import { fetchBundle } from '../../bundle-endpoint/fetch-bundle.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { entryOf, identifierOf, openLogStream } from '../../kit/access-log-client.ts';
import { bundleDocument, federatedText } from '../../kit/bundle-endpoint.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';

interface Described {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

const text = await readFile(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
const trust = fileURLToPath(new URL('../../../examples/trust', import.meta.url));

/** Returns the rows of the tables. */
function documented(): readonly Described[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', type = '', labels = ''] = line
      .replace(/^\|/, '')
      .split('|')
      .map((cell) => cell.trim());
    if (!/^`[a-z_0-9]+`$/.test(name)) return [];
    return [
      {
        name: name.slice(1, -1),
        type,
        labels: [...labels.matchAll(/`([a-z_]+)`/g)].map((label) => label[1] ?? ''),
      },
    ];
  });
}

/** Returns each metric of a scrape, with the labels of its samples, if it has a sample. */
function scraped(scrape: string): readonly Described[] {
  const types = [...scrape.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => ({
    name,
    type,
  }));
  return types.map(({ name, type }) => {
    const sample = new RegExp(`^${name}(?:_count)?(?:\\{(.*)\\})? \\S+$`, 'm').exec(scrape);
    return {
      name,
      type,
      labels: [...(sample?.[1] ?? '').matchAll(/([a-z_]+)="/g)].map((label) => label[1] ?? ''),
    };
  });
}

/** Returns a MeshTrust with the annotations of a rotation. */
function rotatingTrust(old: Certificate, next: Certificate): string {
  const annotations = {
    'meshtrust.io/rotation-old': hash('sha256', old.der),
    'meshtrust.io/rotation-new': hash('sha256', next.der),
    'meshtrust.io/rotation-leaf-ttl': '1h',
  };
  const pems = [old.certPem, next.certPem];
  return meshTrustYaml({ name: 'rotating', trustDomain: 'rotating.test', pems }).replace(
    'spec:',
    `annotations: ${JSON.stringify(annotations)}\nspec:`,
  );
}

/**
 * Scrapes the running program, after a proxy fetched, subscribed and acknowledged, a consumer fetched a bundle, and the
 * program tried to fetch one.
 */
async function scrapeRunning(): Promise<string> {
  await using dir = await makeTempDir();
  const ca = makeCa();
  const { certPem, keyPem } = makeLeaf(ca, { dnsNames: ['localhost'] });
  await writeFile(dir.join('tls.crt'), certPem);
  await writeFile(dir.join('tls.key'), keyPem);
  const bundles = `127.0.0.1:${await freePort()}`;
  const files = [`--bundle-cert=${dir.join('tls.crt')}`, `--bundle-key=${dir.join('tls.key')}`];
  const args = [`--bundle-listen=${bundles}`, ...files, '--bundle-serve=default/*'];
  const accessLogs = `127.0.0.1:${await freePort()}`;
  await using rotating = await makeTempDir();
  await writeFile(rotating.join('rotating.yaml'), rotatingTrust(ca, makeCa({ commonName: 'New' })));
  const peer = { trustDomain: 'spire.test', url: 'https://127.0.0.1:1/', id: 'spiffe://spire.test/server' };
  const bundle = bundleDocument([makeCa()], { sequence: 1 });
  await writeFile(rotating.join('peer.yaml'), federatedText({ ...peer, bundle }));
  await using server = await startMeshtrust({
    dirs: [trust, rotating.path],
    args: [...args, '--federation', `--access-log-listen=${accessLogs}`],
  });
  await server.logged('a fetch', ({ event }) => event === 'federation');
  assert.equal((await fetchBundle(bundles, '/bundles/default', { ca: ca.certPem })).status, 200);
  using log = openLogStream(accessLogs);
  log.send({
    identifier: identifierOf('proxy', 'default'),
    tcp_logs: { log_entry: [entryOf({ issuer: hash('sha256', ca.der) })] },
  });
  log.end();
  assert.equal((await log.status).code, 0);
  using client = createClient(`127.0.0.1:${server.xdsPort}`);
  const request = { type_url: secretTypeUrl, node: { id: 'proxy' } };
  await client.fetch('/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets', {
    ...request,
    resource_names: ['ALL'],
  });
  using stream = client.delta(
    '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  );
  stream.send({ ...request, resource_names_subscribe: ['ALL'] });
  const { nonce } = await stream.next();
  stream.send({ ...request, response_nonce: nonce, error_detail: { code: 13, message: 'refused' } });
  stream.halfClose();
  await stream.ended;
  return (await server.admin('/metrics')).body;
}

suite('docs/metrics.md', async () => {
  const scrape = await scrapeRunning();
  const [rows, metrics] = [documented(), scraped(scrape)];
  const linuxOnly = new Set(rows.flatMap(({ name }) => (isLinuxOnly(name) ? [name] : [])));
  const here = process.platform === 'linux' ? rows : rows.filter(({ name }) => !linuxOnly.has(name));

  test('rows: are the metrics of the running program', () => {
    assert.ok(rows.length > 50);
    assert.deepEqual(here.map(({ name }) => name).sort(), metrics.map(({ name }) => name).sort());
  });

  test('each metric: has one row', () =>
    assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length));

  test('type column: is the type of the metric', () => {
    const types = new Map(metrics.map(({ name, type }) => [name, type]));
    for (const { name, type } of here) assert.equal(types.get(name), type, name);
  });

  test('labels column: has the labels of each metric with samples', () => {
    // Metrics whose events do not occur in this test, or not in each run.
    const rare = ['meshtrust_kubernetes_writes_total', 'meshtrust_xds_convergence_seconds'];
    const silent = new Set([...rare, 'nodejs_active_requests']);
    const labels = new Map(metrics.map((metric) => [metric.name, metric.labels]));
    const loud = here.filter(({ name }) => !silent.has(name));
    assert.equal(loud.length, here.length - silent.size);
    for (const row of loud) assert.deepEqual(labels.get(row.name), row.labels, row.name);
  });
});

function isLinuxOnly(name: string): boolean {
  return new RegExp(`^\\|? *\`${name}\`.*\\(Linux\\)`, 'm').test(text);
}
