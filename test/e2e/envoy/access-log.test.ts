import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { load } from 'js-yaml';
import type { IssuerList } from '../../../src/api/issuer-api-types.ts';
import type { RotationDetail } from '../../../src/api/rotation-api-types.ts';
import { run } from '../../cli/run.ts';
import type { Outcome } from '../../cli/run.ts';
import { binaries, skipWithoutEnvoys as skip, untilAll } from '../../kit/both-envoys.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { blocksOf } from '../../kit/doc-blocks.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startEnvoy } from '../../kit/envoy.ts';
import type { Json } from '../../kit/envoy-bootstrap.ts';
import { freePort } from '../../kit/free-port.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const newest = binaries.find(({ version }) => version.startsWith('1.40'));
const oldest = binaries.find(({ version }) => version.startsWith('1.36'));

/** The configuration of the page, for connections, and with other names for requests. */
async function logsOf(unit: 'connections' | 'requests'): Promise<Json> {
  const page = await readFile(new URL('../../../docs/rotation.md', import.meta.url), 'utf8');
  const block = blocksOf(page).find(({ text }) => text.includes('TcpGrpcAccessLogConfig'));
  const text =
    unit === 'connections'
      ? block?.text
      : block?.text.replace('tcp_grpc', 'http_grpc').replace('TcpGrpc', 'HttpGrpc');
  return (load(text ?? '') as { readonly access_log: Json }).access_log;
}

async function expect(code: number, outcome: Promise<Outcome>): Promise<Outcome> {
  const found = await outcome;
  assert.equal(found.code, code, found.stderr + found.stdout);
  return found;
}

for (const unit of ['connections', 'requests'] as const) {
  test(
    `access log of Envoy by gRPC, an entry for each of the ${unit}: finish waits until no client of the old CA is seen`,
    { skip },
    async () => {
      assert.ok(newest !== undefined);
      const old = makeCa({ commonName: 'Old', notAfter: new Date(Date.now() + 100 * 86_400_000) });
      const next = makeCa({ commonName: 'New' });
      const clientOf = (ca: typeof old) => makeLeaf(ca, { spiffeId: 'spiffe://rotating.test/client' });
      await using dir = await makeTempDir();
      await using trust = await makeTempDir();
      await writeFile(dir.join('old.pem'), old.certPem);
      await writeFile(dir.join('new.pem'), next.certPem);
      await writeFile(trust.join('trust.yaml'), makeDomain('rotating.test', old).yaml());
      const port = await freePort();
      // One of the two with TLS, and certificates of proxies.
      const controlPlane = makeCa({ commonName: 'Control plane CA' });
      const { certPem, keyPem } = makeLeaf(controlPlane, { dnsNames: ['meshtrust.test'] });
      const files = { 'tls-cert': certPem, 'tls-key': keyPem, 'tls-client-ca': controlPlane.certPem };
      for (const [name, text] of Object.entries(files)) await writeFile(dir.join(name), text);
      const isMutual = unit === 'requests';
      const tls = {
        caPem: controlPlane.certPem,
        serverName: 'meshtrust.test',
        identity: makeLeaf(controlPlane),
      };
      await using server = await startMeshtrust({
        dirs: [trust.path],
        args: [
          `--access-log-listen=127.0.0.1:${port}`,
          ...(isMutual ? Object.keys(files).map((flag) => `--${flag}=${dir.join(flag)}`) : []),
        ],
      });
      await using envoy = await startEnvoy({
        path: newest.path,
        transport: 'delta-ads',
        xdsPort: server.xdsPort,
        tls: isMutual ? tls : undefined,
        grpcLog: { port, of: unit, logs: await logsOf(unit) },
      });
      const rotate = (command: string, ...args: readonly string[]): Promise<Outcome> => {
        const url = `--server=http://127.0.0.1:${server.adminPort}`;
        return run(['rotate', command, url, '--disconnect-window=0', '--clock-skew=0', ...args]);
      };
      const pair = [`--old=${dir.join('old.pem')}`, `--new=${dir.join('new.pem')}`];
      await expect(0, rotate('start', ...pair, '--leaf-ttl=1s', '--write', trust.path));
      await expect(0, rotate('wait', '--for=introduced', '--timeout=30s'));
      await expect(0, rotate('switched', '--write', trust.path));
      await expect(0, rotate('wait', '--for=removable', '--timeout=30s'));
      await untilAll([envoy], clientOf(next), 'accepted');
      await untilAll([envoy], clientOf(old), 'accepted');

      // Envoy sends its log every second.
      const seen = await poll('the entries', async () => {
        const { stdout } = await rotate('status', '-o', 'json');
        const rotation = JSON.parse(stdout) as RotationDetail;
        return rotation.seen?.old !== undefined && rotation.seen.new !== undefined ? rotation : undefined;
      });
      assert.deepEqual(
        seen.gates.filter(({ open }) => !open).map(({ id }) => id),
        ['R42'],
      );
      const { stderr } = await expect(1, rotate('finish', trust.path));
      assert.match(stderr, /^refused: R42 old-issuer-seen: a client with a leaf of the old CA was seen at /);

      // Nothing of the log is kept but fingerprints, numbers and times.
      const { body } = await server.admin('/api/v1/meshes/default/issuers');
      const list = JSON.parse(body) as IssuerList;
      assert.equal(list.issuers.length, 2);
      assert.ok(list.streams > 0);
      assert.ok(!body.includes('rotating.test'));
      assert.ok(!JSON.stringify(server.logs()).includes('rotating.test/client'));

      // No client of the old CA from here on.
      await expect(0, rotate('wait', '--for=removable', '--quiet=1s', '--timeout=30s'));
      const { stdout } = await expect(0, rotate('finish', '--quiet=1s', trust.path));
      assert.ok(!stdout.includes(old.certPem.split('\n')[1] ?? ''));
    },
  );
}

test(
  'access log of Envoy by gRPC, Envoy 1.36: refuses the configuration at its start',
  { skip },
  async () => {
    assert.ok(oldest !== undefined);
    // It starts with no control plane, so only the configuration can be the reason.
    const options = { path: oldest.path, transport: 'delta-ads', xdsPort: 1, waitUntilLive: false } as const;
    await assert.rejects(
      startEnvoy({ ...options, grpcLog: { port: 1, of: 'connections', logs: await logsOf('connections') } }),
      // Envoy varies the spaces.
      /custom_tags.*no\s+such\s+field:\s+'value'/,
    );
  },
);
