import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Metadata, Server, ServerCredentials, credentials } from '@grpc/grpc-js';
import { addXdsServices, createSnapshotStore, typeUrls, xdsServerOptions } from '../../../src/xds/index.ts';
import type { XdsServerOptions } from '../../../src/xds/index.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { createClient } from '../client.ts';
import { setOf } from '../vocabulary.ts';
import { ads } from './serving.ts';

/** Returns a group for each client: the SPIFFE ID of its certificate, and the tenant that its metadata names. */
const groupOf: XdsServerOptions['groupOf'] = ({ id }, { address, certificate, metadata }) => {
  assert.match(address, /^(?:127\.0\.0\.1|::1|\[::1\]):\d+$/);
  const verified = certificate?.isVerified === true ? certificate.subjectaltname : undefined;
  return [id, verified, ...metadata.get('tenant')].join(' ');
};

suite('groupOf', () => {
  for (const fastPath of [true, false])
    test(`peer with a certificate and metadata (${fastPath ? 'fast path' : 'public API of grpc-js'}): decides about the group`, async () => {
      const ca = makeCa();
      const own = makeLeaf(ca, { dnsNames: ['localhost'] });
      const roots = Buffer.from(ca.certPem);
      const store = createSnapshotStore();
      for (const name of ['a', 'b'])
        for (const tenant of ['x', 'y']) {
          const group = `node URI:spiffe://mesh.test/${name} ${tenant}`;
          store.set(group, typeUrls.secret, setOf({ one: `${name}-${tenant}` }));
        }
      const server = new Server(xdsServerOptions());
      const xds = addXdsServices(server, store, { groupOf, fastPath });
      const pair = { private_key: Buffer.from(own.keyPem), cert_chain: Buffer.from(own.certPem) };
      const port = await new Promise<number>((resolve, reject) => {
        const secure = ServerCredentials.createSsl(roots, [pair], true);
        server.bindAsync('127.0.0.1:0', secure, (error, bound) =>
          error === null ? resolve(bound) : reject(error),
        );
      });
      try {
        for (const name of ['a', 'b'])
          for (const tenant of ['x', 'y'])
            for (const kind of ['delta', 'sotw'] as const) {
              const { keyPem, certPem } = makeLeaf(ca, { spiffeId: `spiffe://mesh.test/${name}` });
              const metadata = new Metadata();
              metadata.set('tenant', tenant);
              using client = createClient(
                `127.0.0.1:${port}`,
                { 'grpc.ssl_target_name_override': 'localhost' },
                credentials.createSsl(roots, Buffer.from(keyPem), Buffer.from(certPem)),
                metadata,
              );
              const first = { node: { id: 'node' }, type_url: typeUrls.secret };
              if (kind === 'delta') {
                using stream = client.delta(ads.delta);
                stream.send({ ...first, resource_names_subscribe: ['one'] });
                assert.equal((await stream.next()).resources[0]?.version, `${name}-${tenant}`);
              } else {
                using stream = client.sotw(ads.sotw);
                stream.send({ ...first, resource_names: ['one'] });
                assert.match(
                  String((await stream.next()).resources[0]?.value),
                  new RegExp(`${name}-${tenant}`),
                );
              }
            }
      } finally {
        await xds.drain(0);
        server.forceShutdown();
      }
    });
});
