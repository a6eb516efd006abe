import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { run } from '../../cli/run.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { makeCa } from '../../kit/certificates.ts';
import {
  assertLetIn,
  assertNothingRejected,
  assertRefused,
  eachEnvoy,
  skipWithoutEnvoys as skip,
} from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startStage } from './stage.ts';

const a = makeDomain('a.test');
const next = makeCa({ commonName: 'next CA of a.test' });
const successor = makeDomain('a.test', next);

test('meshtrust revoke: when it returns, every Envoy rejects the clients of the CA', { skip }, async (t) => {
  await using dir = await makeTempDir();
  const list = dir.join('distrusted');
  await writeFile(list, '# nothing yet\n');
  await using stage = await startStage({
    files: { 'a.yaml': a.yaml([a.ca.certPem, next.certPem]) },
    args: ['--distrust', list],
  });
  for (const envoy of stage.envoys) await assertLetIn(envoy.port, a.client);
  const fingerprint = new X509Certificate(a.ca.certPem).fingerprint256;
  const server = `http://127.0.0.1:${stage.meshtrust.adminPort}`;
  const { code, stderr } = await run(['revoke', fingerprint, '--distrust', list, '--server', server]);
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /distrusted in trust domain a\.test of mesh default \(\d+ proxies\); 1 other CA remain/,
  );
  await eachEnvoy(t, stage.envoys, async (envoy) => {
    await assertRefused(envoy.port, a.client);
    await assertLetIn(envoy.port, successor.client);
    await assertNothingRejected(envoy);
  });
});
