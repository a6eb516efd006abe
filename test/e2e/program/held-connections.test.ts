import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { ask } from '../../admin/http-client.ts';
import { makeCa } from '../../kit/certificates.ts';
import { startChild } from '../../kit/child.ts';
import { freePort } from '../../kit/free-port.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const attack = fileURLToPath(new URL('../../kit/attacks/hold-connections.ts', import.meta.url));

/** The kubelet allows one second, on a machine that is not as busy as that of a test may be. */
const boundMs = Number(process.env['ATTACK_BOUND_MS'] ?? 5_000);

test('600 idle connections at the probe port: every liveness probe is answered in time', async () => {
  await using dir = await makeTempDir();
  const trust = meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: [makeCa().certPem] });
  await writeFile(dir.join('a.yaml'), trust);
  const port = await freePort();
  await using _server = await startMeshtrust({
    dirs: [dir.path],
    args: [`--probe-listen=127.0.0.1:${port}`],
  });
  // Longer than all probes may take.
  const attackMs = String(30 * boundMs);
  await using attacker = await startChild(process.execPath, [attack, String(port), '600', attackMs]);
  await poll('the connections', () => attacker.stdout().includes('open') || undefined);
  for (let probe = 0; probe < 20; probe += 1) {
    const start = performance.now();
    const { status } = await ask(`127.0.0.1:${port}`, '/healthz');
    assert.equal(status, 200);
    assert.ok(performance.now() - start < boundMs, `probe ${probe}`);
  }
  assert.equal(attacker.exited(), undefined);
});
