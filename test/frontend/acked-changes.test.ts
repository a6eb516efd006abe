import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { followRollouts } from '../../src/fleet/follow-rollouts.ts';
import { createFrontend } from '../../src/frontend/proxy-frontend.ts';
import { createLogger } from '../../src/observe/log/log.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { encodeSecret, secretContent } from '../../src/trust/secret/encode-secret.ts';
import { secretTypeUrl } from '../../src/trust/snapshot/publisher.ts';
import type { ServedMeshes } from '../../src/trust/snapshot/publisher.ts';
import { proxyOptions } from '../kit/proxy-options.ts';
import { createClient } from '../xds/client.ts';

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const name = 'system_trust_bundle';

/** Returns the state of a mesh with one secret. */
function stateOf(version: string): ServedMeshes {
  const { body } = encodeSecret(name, secretContent([]));
  const secrets = new Map([[name, { name, version, body, content: secretContent([]) }]]);
  return new Map([['default', { secrets: { version, secrets } }]]) as unknown as ServedMeshes;
}

for (const xdsTransport of ['grpc-js', 'own'] as const)
  suite(`end of a roll-out, ${xdsTransport}`, () => {
    test('the last proxy acknowledges: is found without a poll', async () => {
      const log = createLogger({ format: 'json', level: 'error' });
      const front = createFrontend({ ...proxyOptions, xdsTransport }, log);
      const authFailed = (): void => assert.fail('there is no TLS');
      let acks = 0;
      const acknowledged = Promise.withResolvers<void>();
      const acked = (): void => {
        acks += 1;
        if (acks === 2) acknowledged.resolve();
      };
      const address = await front.listen({ observers: [{ acked }], authFailed });
      front.publish(stateOf('1'), Date.now());
      using client = createClient(address);
      const streams = ['a', 'b'].map((id) => {
        const stream = client.delta(ads);
        stream.send({ node: { id }, type_url: secretTypeUrl, resource_names_subscribe: [name] });
        return stream;
      });
      for (const stream of streams)
        stream.send({ response_nonce: (await stream.next()).nonce, type_url: secretTypeUrl });
      await acknowledged.promise;
      const converged = Promise.withResolvers<number>();
      const delays: number[] = [];
      const rollouts = followRollouts({
        fleet: front.fleet,
        // No poll is due before the test ends.
        clock: {
          ...systemClock,
          after(ms, callback) {
            delays.push(ms);
            return systemClock.after(ms === 0 ? 0 : 3_600_000, callback);
          },
        },
        onConverged: ({ connected }) => converged.resolve(connected),
        onLost: () => assert.fail('no proxy is lost'),
        onProgress: () => undefined,
        onFailed: converged.reject,
      });
      front.publish(stateOf('2'), Date.now());
      rollouts.changed(['default']);
      for (const stream of streams)
        stream.send({ response_nonce: (await stream.next()).nonce, type_url: secretTypeUrl });
      assert.equal(await converged.promise, 2);
      assert.deepEqual(delays, [250, 0]);
      rollouts.close();
      for (const stream of streams) stream.cancel();
      await front.drain(0);
    });
  });
