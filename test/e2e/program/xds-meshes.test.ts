import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { credentials, status } from '@grpc/grpc-js';

import type { ProxyList, RolloutDetail } from '../../../src/api/fleet-api-types.ts';
import type { RotationList } from '../../../src/api/rotation-api-types.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { createClient } from '../../xds/client.ts';
import type { ClientStream, XdsClient } from '../../xds/client.ts';
import { ads, sds } from '../../xds/loopback/serving.ts';

const serverCa = makeCa({ commonName: 'Server CA' });
const server = makeLeaf(serverCa, { dnsNames: ['localhost'] });
const proxiesCa = makeCa({ commonName: 'CA of proxies' });
const proxyOf = (mesh: string) => makeLeaf(proxiesCa, { spiffeId: `spiffe://${mesh}.test/proxy/gateway` });
/** The certificate says which mesh and which node id a proxy may have. */
const access = `
- from: { spiffeId: 'spiffe://{mesh}.test/proxy/{name}' }
  mesh: '{mesh}'
  node: '{name}'
`;
const [oldCa, newCa] = [
  makeCa({ commonName: 'Old CA of mesh-b' }),
  makeCa({ commonName: 'New CA of mesh-b' }),
];
const fingerprint = (der: Uint8Array): string => hash('sha256', der, 'hex');
const marks = [
  'annotations:',
  `  meshtrust.io/rotation-old: ${fingerprint(oldCa.der)}`,
  `  meshtrust.io/rotation-new: ${fingerprint(newCa.der)}`,
  '  meshtrust.io/rotation-leaf-ttl: 24h',
  '',
].join('\n');
const meshB = { name: 'b', mesh: 'mesh-b', trustDomain: 'b.test' };

/** What a proxy of mesh A says to act for the proxy of mesh B. */
interface Claim {
  readonly node: string;
  readonly mesh: string;
  readonly code: status;
}

const claims: readonly Claim[] = [
  { node: 'gateway', mesh: 'mesh-b', code: status.PERMISSION_DENIED },
  { node: 'other', mesh: 'mesh-a', code: status.PERMISSION_DENIED },
  { node: 'other', mesh: 'mesh-b', code: status.PERMISSION_DENIED },
];

const nodeOf = (id: string, mesh: string): object => ({
  id,
  metadata: { fields: { mesh: { stringValue: mesh, kind: 'stringValue' } } },
});

const transports = {
  'delta ADS': { path: ads.delta, isDelta: true },
  'SotW ADS': { path: ads.sotw, isDelta: false },
  'delta SDS': { path: sds.delta, isDelta: true },
  'SotW SDS': { path: sds.sotw, isDelta: false },
} as const;
type Transport = (typeof transports)[keyof typeof transports];

const open = (client: XdsClient, { path, isDelta }: Transport): ClientStream<unknown> =>
  isDelta ? client.delta(path) : client.sotw(path);

/** Returns a subscription, and with a nonce an ACK or a NACK of the version. */
function requestOf(
  { isDelta }: Transport,
  node: object,
  said?: { readonly nonce: string; readonly version: string; readonly refuses: boolean },
): object {
  const names = isDelta
    ? { resource_names_subscribe: said === undefined ? ['ALL'] : [] }
    : { resource_names: ['ALL'] };
  if (said === undefined) return { node, type_url: secretTypeUrl, ...names };
  return {
    node,
    type_url: secretTypeUrl,
    ...names,
    response_nonce: said.nonce,
    ...(isDelta ? {} : { version_info: said.version }),
    ...(said.refuses ? { error_detail: { code: 3, message: 'no' } } : {}),
  };
}

suite('proxy of mesh A with a client certificate', () => {
  for (const [what, args] of [
    ['grpc-js', ['--xds-transport=grpc-js']],
    ['own', ['--xds-transport=own']],
    ['2 workers', ['--workers=2']],
  ] as const) {
    test(`${what}: neither subscribes, acknowledges nor rejects for mesh B, and opens no gate there`, async () => {
      await using dir = await makeTempDir();
      await using trust = await makeTempDir();
      const { put } = watchedDir(trust.path);
      const a = { name: 'a', mesh: 'mesh-a', trustDomain: 'a.test', pems: [makeCa().certPem] };
      await put('a.yaml', meshTrustYaml(a));
      await put('b.yaml', meshTrustYaml({ ...meshB, pems: [oldCa.certPem] }));
      const files = {
        'tls-cert': server.certPem,
        'tls-key': server.keyPem,
        'tls-client-ca': proxiesCa.certPem,
        'xds-access': access,
      };
      for (const [flag, text] of Object.entries(files)) await writeFile(dir.join(flag), text);
      await using program = await startMeshtrust({
        dirs: [trust.path],
        args: [
          ...Object.keys(files).map((flag) => `--${flag}=${dir.join(flag)}`),
          '--xds-auth=mtls',
          ...args,
        ],
      });
      const connect = (mesh: string): XdsClient => {
        const { certPem, keyPem } = proxyOf(mesh);
        return createClient(
          `127.0.0.1:${program.xdsPort}`,
          { 'grpc.ssl_target_name_override': 'localhost' },
          credentials.createSsl(Buffer.from(serverCa.certPem), Buffer.from(keyPem), Buffer.from(certPem)),
        );
      };
      const get = async <Body>(path: string): Promise<Body> =>
        JSON.parse((await program.admin(`/api/v1${path}`)).body) as Body;
      const rollout = (): Promise<RolloutDetail> => get('/meshes/mesh-b/rollout');
      const gateOfMeshB = async () => {
        const { rotations } = await get<RotationList>('/meshes/mesh-b/rotations');
        return rotations[0]?.gates.find(({ id }) => id === 'R20')?.open;
      };

      // The proxy of mesh B has the first version, and receives the second one, which a rotation waits for.
      using proxyB = connect('mesh-b');
      using streamB = proxyB.delta(ads.delta);
      const nodeB = nodeOf('gateway', 'mesh-b');
      streamB.send(requestOf(transports['delta ADS'], nodeB));
      streamB.send({ type_url: secretTypeUrl, response_nonce: (await streamB.next()).nonce });
      await poll('mesh B to converge', async () => (await rollout()).converged || undefined);
      const { version: before } = await rollout();
      await put('b.yaml', `${meshTrustYaml({ ...meshB, pems: [oldCa.certPem, newCa.certPem] })}${marks}`);
      const pending = await streamB.next();
      const version = pending.resources[0]?.version ?? assert.fail('no version');
      assert.equal(await poll('the rotation', gateOfMeshB), false);

      using proxyA = connect('mesh-a');
      for (const [name, transport] of Object.entries(transports)) {
        for (const { node, mesh, code } of claims) {
          for (const refuses of [false, true]) {
            using stream = open(proxyA, transport);
            stream.send(requestOf(transport, nodeOf(node, mesh)));
            stream.send(requestOf(transport, nodeOf(node, mesh), { nonce: pending.nonce, version, refuses }));
            assert.equal((await stream.ended).code, code, `${name}, ${node} of ${mesh}`);
            assert.equal(stream.received, 0);
            // The first request alone is an ACK or a NACK.
            using second = open(proxyA, transport);
            second.send(requestOf(transport, nodeOf(node, mesh), { nonce: pending.nonce, version, refuses }));
            assert.equal((await second.ended).code, code, `${name}, ${node} of ${mesh}, at once`);
          }
        }
        // A stream of its own mesh, which names the other one later.
        using own = open(proxyA, transport);
        own.send(requestOf(transport, nodeOf('gateway', 'mesh-a')));
        await own.next();
        for (const refuses of [false, true])
          own.send(requestOf(transport, nodeB, { nonce: pending.nonce, version, refuses }));
        // A response shows that the server has read the requests before.
        own.send({ node: nodeB, type_url: 'type.googleapis.com/other', resource_names: ['x'] });
        if (transport.path === ads.delta || transport.path === ads.sotw) await own.next();
        else await own.ended;
      }

      const { proxies } = await get<ProxyList>('/proxies?mesh=mesh-b');
      assert.deepEqual(
        proxies.map(({ node, version, nacks, identity }) => ({ node, version, nacks, identity })),
        [
          {
            node: 'gateway',
            version: before,
            nacks: 0,
            identity: 'spiffe://mesh-b.test/proxy/gateway',
          },
        ],
      );
      const { converged, lagging } = await rollout();
      assert.deepEqual([converged, lagging.map(({ node }) => node)], [false, ['gateway']]);
      assert.equal(await gateOfMeshB(), false);

      // The ACK of mesh B itself counts.
      streamB.send({ type_url: secretTypeUrl, response_nonce: pending.nonce });
      await poll('the gate to open', async () => ((await gateOfMeshB()) === true ? true : undefined));
      assert.equal((await rollout()).converged, true);
    });
  }
});
