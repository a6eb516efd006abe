import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';

import type { ProxyDetail } from '../../../src/api/fleet-api-types.ts';
import { bootstrapTransports } from '../../../src/cli/bootstrap/envoy-bootstrap.ts';
import { run } from '../../cli/run.ts';
import { makeCa, makeLeaf, makeSelfSignedLeaf } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { tryClient, untilDecision } from '../../kit/tls-client.ts';
import { binaries, skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startPrinted, writeBootstrap, writePair } from './printed-bootstrap.ts';

for (const transport of bootstrapTransports) {
  test(`bootstrap of ${transport}: is accepted by Envoy`, { skip }, async (t) => {
    await using dir = await makeTempDir();
    const { cert, key } = await writePair(dir, 'proxy', makeSelfSignedLeaf({ commonName: 'listener' }));
    const own = [`--proxy-cert=${cert}`, `--proxy-key=${key}`, `--xds-ca=${cert}`, '--xds-name=a.test'];
    // Names that YAML could read as another type.
    const args = ['--node-id=on', '--node-cluster=0123', '--mesh=null', `--transport=${transport}`, ...own];
    const path = await writeBootstrap(dir, args);
    for (const binary of binaries) {
      await t.test(binary.version, async () => {
        await promisify(execFile)(binary.path, ['--mode', 'validate', '--config-path', path]);
      });
    }
  });
}

/** A part that the command prints. */
interface Part {
  readonly transport_socket?: object;
  readonly dynamic_resources?: object;
  readonly static_resources?: { readonly clusters: readonly object[] };
}

for (const transport of bootstrapTransports) {
  test(`parts of ${transport}, pasted into a bootstrap: are accepted by Envoy`, { skip }, async (t) => {
    await using dir = await makeTempDir();
    const { cert, key } = await writePair(dir, 'proxy', makeSelfSignedLeaf({ commonName: 'proxy' }));
    const part = async (name: string): Promise<Part> => {
      const args = [
        `--part=${name}`,
        `--transport=${transport}`,
        `--proxy-cert=${cert}`,
        `--proxy-key=${key}`,
      ];
      const { code, stdout } = await run(['bootstrap', ...args, '-o', 'json']);
      assert.equal(code, 0);
      return JSON.parse(stdout) as Part;
    };
    const { dynamic_resources, static_resources } = await part('control-plane');
    const address = { socket_address: { address: '127.0.0.1', port_value: 1 } };
    const upstream = {
      name: 'upstream',
      type: 'STATIC',
      load_assignment: {
        cluster_name: 'upstream',
        endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
      },
      ...(await part('cluster')),
    };
    const proxy = {
      name: 'envoy.filters.network.tcp_proxy',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
        stat_prefix: 'x',
        cluster: 'upstream',
      },
    };
    const own = {
      node: { id: 'a', cluster: 'a', metadata: { mesh: 'default' } },
      ...(dynamic_resources === undefined ? {} : { dynamic_resources }),
      static_resources: {
        clusters: [...(static_resources?.clusters ?? []), upstream],
        listeners: [
          { name: 'x', address, filter_chains: [{ filters: [proxy], ...(await part('listener')) }] },
        ],
      },
    };
    const path = dir.join('envoy.json');
    await writeFile(path, JSON.stringify(own));
    for (const binary of binaries) {
      await t.test(binary.version, async () => {
        await promisify(execFile)(binary.path, ['--mode', 'validate', '--config-path', path]);
      });
    }
  });
}

test(
  'Envoy with a printed bootstrap: connects over TLS, admits a listed client and refuses others',
  { skip },
  async (t) => {
    for (const { path, version } of binaries) await t.test(version, () => connects(path));
  },
);

async function connects(envoyPath: string): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const trust = stack.use(await makeTempDir());
  const [domain, stranger] = [makeDomain('a.test'), makeDomain('a.test')];
  await writeFile(trust.join('a.yaml'), domain.yaml());
  const ca = makeCa({ commonName: 'Control plane CA' });
  await writeFile(dir.join('ca.crt'), ca.certPem);
  const server = await writePair(dir, 'server', makeLeaf(ca, { dnsNames: ['meshtrust.test'] }));
  const proxy = await writePair(dir, 'proxy', makeLeaf(ca));
  const control = stack.use(
    await startMeshtrust({
      dirs: [trust.path],
      args: [`--tls-cert=${server.cert}`, `--tls-key=${server.key}`, `--tls-client-ca=${dir.join('ca.crt')}`],
    }),
  );
  const parts = { envoyPath, xdsPort: control.xdsPort };
  const port = await startPrinted(stack, dir, parts, [
    '--node-id=printed',
    `--xds-cert=${proxy.cert}`,
    `--xds-key=${proxy.key}`,
  ]);
  const status = ['ps', 'printed', '-o', 'json', `--server=http://127.0.0.1:${control.adminPort}`];
  await poll('the proxy to be synced', async () => {
    const { code, stdout } = await run(status);
    if (code !== 0) return undefined;
    const [found] = (JSON.parse(stdout) as { proxies: readonly ProxyDetail[] }).proxies;
    return found?.state === 'synced' ? true : undefined;
  });
  await untilDecision(port, domain.client, 'accepted');
  assert.notEqual(await tryClient(port, stranger.client), 'accepted');
}
