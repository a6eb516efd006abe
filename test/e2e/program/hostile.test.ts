import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { makeCa } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { mostMemory } from '../../kit/most-memory.ts';
import { randomBytes } from '../../kit/seed.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { createClient } from '../../xds/client.ts';
import { deltaRequests } from '../../xds/codec.ts';

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const names = Array.from({ length: 100_000 }, (_, index) => `spiffe://trust-domain-${index}.test`);
const secrets = { type_url: secretTypeUrl };
const text = 'x'.repeat(3_000_000);

const refusals: readonly number[] = [status.INVALID_ARGUMENT, status.RESOURCE_EXHAUSTED];

/** Requests of several megabytes. Each is refused for a different reason. */
const requests: readonly Uint8Array[] = [
  deltaRequests.serialize({ ...secrets, resource_names_subscribe: names }),
  deltaRequests.serialize({
    ...secrets,
    initial_resource_versions: Object.fromEntries(names.map((name) => [name, '1'])),
  }),
  deltaRequests.serialize({ ...secrets, resource_names_subscribe: [text] }),
  deltaRequests.serialize({ ...secrets, node: { id: text } }),
  deltaRequests.serialize({ type_url: text }),
  randomBytes(3_000_000),
];
const sent = requests.reduce((sum, { length }) => sum + length, 0);

test(
  'requests of several megabytes: are refused in bounded memory',
  { skip: process.platform !== 'linux' && 'reads /proc' },
  async () => {
    await using dir = await makeTempDir();
    const file = meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: [makeCa().certPem] });
    await writeFile(dir.join('a.yaml'), file);
    await using server = await startMeshtrust({ dirs: [dir.path] });
    using client = createClient(`127.0.0.1:${server.xdsPort}`);
    using bystander = client.delta(ads);
    bystander.send({ ...secrets, resource_names_subscribe: ['ALL'], node: { id: 'bystander' } });
    await bystander.next();
    const round = async (): Promise<void> => {
      for (const bytes of requests) {
        using other = createClient(`127.0.0.1:${server.xdsPort}`);
        using stream = other.delta(ads);
        stream.sendBytes(bytes);
        const { code } = await stream.ended;
        assert.ok(refusals.includes(code), `code ${code}`);
      }
    };
    // Garbage reaches its peak after some rounds. A leak would grow with each round.
    for (let count = 0; count < 10; count++) await round();
    const before = await mostMemory(server);
    const more = 20;
    for (let count = 0; count < more; count++) await round();
    const grown = (await mostMemory(server)) - before;
    assert.ok(grown < (more * sent) / 2, `${grown} bytes more after ${more * sent} were refused`);
    bystander.send({ ...secrets, resource_names_subscribe: ['spiffe://a.test'] });
    assert.equal((await bystander.next()).resources[0]?.name, 'spiffe://a.test');
    assert.equal(bystander.received, 2);
  },
);
