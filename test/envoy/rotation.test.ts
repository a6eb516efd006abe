import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeCa } from '../kit/certificates.ts';
import { probeContinuously } from '../kit/probe-continuously.ts';
import { untilDecision } from '../kit/tls-client.ts';
import type { ClientIdentity } from '../kit/tls-client.ts';
import { assertNothingRejected, eachEnvoy, makeDomain, skip, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

const rotations = [
  { name: 'CAs of different names', first: 'Old CA', second: 'New CA' },
  { name: 'CAs of one name', first: 'The CA', second: 'The CA' },
];

for (const { name, first, second } of rotations) {
  test(`a rotation refuses no good client at any moment: ${name}`, { skip, concurrency: true }, async (t) => {
    const before = makeDomain('rotating.test', makeCa({ commonName: first }));
    const after = makeDomain('rotating.test', makeCa({ commonName: second }));
    const other = makeDomain('other.test');
    await using stage = await startStage({
      files: { 'rotating.yaml': before.yaml(), 'other.yaml': other.yaml() },
    });

    const oldAndOther = probeContinuously([
      ...targets(stage, before.client()),
      ...targets(stage, other.client()),
    ]);
    await stage.files.overwrite('rotating.yaml', before.yaml([before.ca.certPem, after.ca.certPem]));
    await everywhere(stage, after.client(), 'accepted');
    const report = await oldAndOther.stop();
    assert.deepEqual(report.refusals, []);

    const newAndOther = probeContinuously([
      ...targets(stage, after.client()),
      ...targets(stage, other.client()),
    ]);
    await stage.files.overwrite('rotating.yaml', after.yaml());
    await everywhere(stage, before.client(), 'refused');
    const secondReport = await newAndOther.stop();
    assert.deepEqual(secondReport.refusals, []);

    // Each of two clients at each Envoy, before and after a change: fewer would have shown nothing.
    for (const { probes } of [report, secondReport])
      assert.ok(probes >= 2 * 2 * stage.envoys.length, `${probes} probes`);
    await eachEnvoy(t, stage.envoys, (envoy) => assertNothingRejected(envoy));
  });
}

function targets({ envoys }: Stage, identity: ClientIdentity) {
  return envoys.map(({ nodeId, port }) => ({ name: nodeId, port, identity }));
}

async function everywhere(
  { envoys }: Stage,
  client: ClientIdentity,
  wanted: 'accepted' | 'refused',
): Promise<void> {
  await Promise.all(envoys.map(({ port }) => untilDecision(port, client, wanted)));
}
