import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeCa } from '../../kit/certificates.ts';
import { probeContinuously } from '../../kit/probe-continuously.ts';
import type { ClientIdentity } from '../../kit/tls-client.ts';
import {
  assertNothingRejected,
  eachEnvoy,
  skipWithoutEnvoys as skip,
  untilAll,
} from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startStage } from './stage.ts';
import type { Stage } from './stage.ts';

const different = ['CA 1', 'CA 2', 'CA 3', 'CA 4'];
const kinds = [
  { kind: 'CAs of different names', commonNames: different, transport: 'own' },
  { kind: 'CAs of different names, grpc-js', commonNames: different, transport: 'grpc-js' },
  { kind: 'CAs of one name', commonNames: ['The CA', 'The CA', 'The CA', 'The CA'], transport: 'own' },
];

for (const { kind, commonNames, transport } of kinds) {
  test(
    `rotation of CAs, ${kind}: no valid client is refused at any moment`,
    { skip, concurrency: true },
    async (t) => {
      const [first, ...followers] = commonNames.map((commonName) =>
        makeDomain('rotating.test', makeCa({ commonName })),
      );
      assert.ok(first !== undefined && followers.length > 0);
      const other = makeDomain('other.test');
      await using stage = await startStage({
        files: { 'rotating.yaml': first.yaml(), 'other.yaml': other.yaml() },
        args: [`--xds-transport=${transport}`],
      });
      await using always = probeContinuously(targets(stage, other.client));

      let current = first;
      for (const next of followers) {
        await using old = probeContinuously(targets(stage, current.client));
        await old.round();
        await stage.files.overwrite('rotating.yaml', current.yaml([current.ca.certPem, next.ca.certPem]));
        await untilAll(stage.envoys, next.client, 'accepted');
        assert.deepEqual((await old.stop()).refusals, []);

        await using renewed = probeContinuously(targets(stage, next.client));
        await renewed.round();
        await stage.files.overwrite('rotating.yaml', next.yaml());
        await untilAll(stage.envoys, current.client, 'refused');
        assert.deepEqual((await renewed.stop()).refusals, []);
        current = next;
      }

      const report = await always.stop();
      assert.deepEqual(report.refusals, []);
      assert.ok(report.probes >= 4 * followers.length * stage.envoys.length, `${report.probes} probes`);
      await eachEnvoy(t, stage.envoys, async (envoy) => {
        await assertNothingRejected(envoy);
        // The first secret, and one per change: there was no state between two states of the file.
        assert.equal(await envoy.stat('sds.system_trust_bundle.update_success'), 1 + 2 * followers.length);
      });
    },
  );
}

function targets({ envoys }: Stage, identity: ClientIdentity) {
  return envoys.map(({ nodeId, port }) => ({ name: nodeId, port, identity }));
}
