import assert from 'node:assert/strict';
import { test } from 'node:test';

import { transports } from '../../kit/envoy-bootstrap.ts';
import { startEnvoy } from '../../kit/envoy.ts';
import type { Envoy } from '../../kit/envoy.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { probeContinuously } from '../../kit/probe-continuously.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { binaries, skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';

const envoyCount = 20;
const isSotw = (index: number): boolean => transports[index % transports.length]?.startsWith('sotw') === true;

test(
  `killed and started again under ${envoyCount} Envoys: delta resends nothing, SotW once, and no client is rejected`,
  { skip },
  async () => {
    const a = makeDomain('a.test');
    const b = makeDomain('b.test');
    await using dir = await makeTempDir();
    const files = watchedDir(dir.path);
    await files.put('a.yaml', a.yaml());
    await using stack = new AsyncDisposableStack();
    const first = stack.use(await startMeshtrust({ dirs: [dir.path] }));
    const { xdsPort, adminPort } = first;
    const envoys: Envoy[] = [];
    for (let index = 0; index < envoyCount; index++) {
      const transport = transports[index % transports.length] ?? 'delta-ads';
      // The next binary for each round of the transports, so that both run all four.
      const binary = binaries[Math.floor(index / transports.length) % binaries.length];
      assert.ok(binary !== undefined);
      envoys.push(stack.use(await startEnvoy({ path: binary.path, transport, xdsPort })));
    }
    const updates = () =>
      Promise.all(envoys.map((envoy) => envoy.stat('sds.system_trust_bundle.update_success')));
    assert.deepEqual(
      await updates(),
      envoys.map(() => 1),
    );

    const client = a.client;
    await using probe = probeContinuously(
      envoys.map(({ nodeId, port }) => ({ name: nodeId, port, identity: client })),
    );
    await first.stop('SIGKILL');
    const second = stack.use(await startMeshtrust({ dirs: [dir.path], xdsPort, adminPort }));
    assert.notEqual(second.pid, first.pid);
    // This secret reaches every Envoy, so each has a stream again. A delta stream began without a secret. A SotW
    // stream began with the secret that the Envoy had, because the quoted version does not prove that it has it.
    await Promise.all(
      envoys
        .filter((_, index) => isSotw(index))
        .map((envoy) => envoy.untilStat('sds.system_trust_bundle.update_success', 2)),
    );
    await files.put('b.yaml', b.yaml());
    await Promise.all(envoys.map(({ port }) => untilDecision(port, b.client, 'accepted')));
    assert.deepEqual(
      await updates(),
      envoys.map((_, index) => (isSotw(index) ? 3 : 2)),
    );
    const report = await probe.stop();
    assert.deepEqual(report.refusals, []);
    assert.ok(report.probes >= 2 * envoyCount, `${report.probes} probes`);
  },
);
