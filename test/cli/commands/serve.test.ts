import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { makeCa } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { start } from '../run.ts';

test('serve with a path that does not exist: names the path, waits, and reads it once it exists', async () => {
  await using dir = await makeTempDir();
  const missing = dir.join('typo');
  const stop = new AbortController();
  const listen = ['--xds-listen=127.0.0.1:0', '--admin-listen=127.0.0.1:0', '--drain-grace=0'];
  const serving = start(['serve', missing, ...listen], stop.signal);
  await serving.until(/not ready: waiting for the first complete read of files \(\S+typo: no such file/);
  await serving.until(/typo: MT001 the path cannot be read: no such file or directory; it is tried again/);
  await mkdir(missing);
  const trust = meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: [makeCa().certPem] });
  await writeFile(`${missing}/a.yaml`, trust);
  await serving.until(/"event":"readiness","ready":true/);
  stop.abort();
  assert.equal((await serving.outcome).code, 0);
});
