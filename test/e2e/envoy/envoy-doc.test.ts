import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { dump, load } from 'js-yaml';

import { makeSelfSignedLeaf } from '../../kit/certificates.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { TempDir } from '../../kit/temp-dir.ts';
import { binaries, skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';

interface Bootstrap {
  readonly static_resources: { readonly clusters: readonly object[] };
}

const page = await readFile(new URL('../../../docs/envoy.md', import.meta.url), 'utf8');

/** The YAML blocks of the page, by the heading above each. */
const blocks = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .flatMap((section) => {
      const heading = section.split('\n', 1)[0] ?? '';
      const found = [...section.matchAll(/^```yaml\n(?<yaml>[\s\S]*?)^```$/gm)];
      return found.map(({ groups }) => [heading, groups?.['yaml'] ?? ''] as const);
    }),
);

/** Writes a complete bootstrap of the blocks: with a node, a listener and a cluster that have the transport sockets. */
async function writeBootstrap(dir: TempDir): Promise<string> {
  const { certPem, keyPem } = makeSelfSignedLeaf();
  await writeFile(dir.join('tls.crt'), certPem);
  await writeFile(dir.join('tls.key'), keyPem);
  const read = (heading: string): unknown =>
    load((blocks.get(heading) ?? assert.fail(heading)).replaceAll('/etc/envoy/tls', dir.path));
  const { static_resources: resources } = read('The control plane as a cluster') as Bootstrap;
  const path = dir.join('envoy.yaml');
  const cluster = {
    name: 'upstream',
    type: 'STATIC',
    load_assignment: { cluster_name: 'upstream' },
    ...(read('Verify servers: a cluster') as object),
  };
  const tcp = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
  const filter = {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: { '@type': tcp, stat_prefix: 'inbound', cluster: 'upstream' },
  };
  const listener = {
    name: 'inbound',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [{ ...(read('Verify clients: a listener') as object), filters: [filter] }],
  };
  const bootstrap = {
    node: { id: 'a', cluster: 'b' },
    static_resources: { clusters: [...resources.clusters, cluster], listeners: [listener] },
  };
  await writeFile(path, dump(bootstrap));
  return path;
}

test('docs/envoy.md: the test knows every YAML block', () => {
  assert.deepEqual(
    [...blocks.keys()],
    ['The control plane as a cluster', 'Verify clients: a listener', 'Verify servers: a cluster'],
  );
});

test(
  'docs/envoy.md: a cluster of the bootstrap with ADS crashes Envoy, as the page says',
  { skip },
  async (t) => {
    await using dir = await makeTempDir();
    const bootstrap = load(await readFile(await writeBootstrap(dir), 'utf8')) as object;
    const ads = {
      api_type: 'DELTA_GRPC',
      transport_api_version: 'V3',
      grpc_services: [{ envoy_grpc: { cluster_name: 'meshtrust' } }],
    };
    // JSON is YAML. Both transport sockets have the source.
    const text = JSON.stringify({ ...bootstrap, dynamic_resources: { ads_config: ads } }).replaceAll(
      /"api_config_source":\{[^\]]*\]\}/g,
      '"ads":{}',
    );
    assert.ok(!text.includes('api_config_source'), text);
    const path = dir.join('ads.yaml');
    await writeFile(path, text);
    for (const binary of binaries)
      await t.test(binary.version, async () => {
        const running = promisify(execFile)(binary.path, ['--mode', 'validate', '--config-path', path]);
        await assert.rejects(running, { signal: 'SIGSEGV' });
      });
  },
);

test('docs/envoy.md: Envoy accepts a bootstrap of the YAML blocks', { skip }, async (t) => {
  await using dir = await makeTempDir();
  const path = await writeBootstrap(dir);
  for (const binary of binaries)
    await t.test(binary.version, async () => {
      await promisify(execFile)(binary.path, ['--mode', 'validate', '--config-path', path]);
    });
});
