import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { writeExampleCerts } from '../../../scripts/make-example-certs.ts';
import { freePort } from '../../kit/free-port.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { tryClient, untilDecision } from '../../kit/tls-client.ts';
import { binaries, skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';
import { startEnvoyOf } from './printed-bootstrap.ts';

const examples = fileURLToPath(new URL('../../../examples', import.meta.url));
const bootstraps = (await readdir(join(examples, 'envoy'))).filter((name) => name.endsWith('.yaml'));
const run = promisify(execFile);

test('examples: have a bootstrap for each transport, and one with TLS', () => {
  const names = ['delta-ads-tls', 'delta-ads', 'delta-sds', 'sotw-ads', 'sotw-sds'];
  assert.deepEqual(
    bootstraps.toSorted(),
    names.map((name) => `${name}.yaml`),
  );
});

for (const name of bootstraps) {
  test(`walk-through with examples/envoy/${name}: works as written`, { skip }, async (t) => {
    for (const { path, version } of binaries) await t.test(version, () => walkThrough(name, path));
  });
}

/** Does the steps of a first change of trust on a copy of the examples, with free ports instead of the defaults. */
async function walkThrough(name: string, envoyPath: string): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const trust = dir.join('examples', 'trust');
  const certs = dir.join('examples', 'certs');
  await cp(join(examples, 'trust'), trust, { recursive: true, filter: (path) => !path.includes('demo') });
  await writeExampleCerts(certs);

  const tlsFiles = {
    'tls-cert': 'control-plane.crt',
    'tls-key': 'control-plane.key',
    'tls-client-ca': 'control-plane-ca.crt',
  };
  const tlsArgs = Object.entries(tlsFiles).map(([flag, file]) => `--${flag}=${join(certs, file)}`);
  const { xdsPort } = stack.use(
    await startMeshtrust({ dirs: [trust], args: name.includes('tls') ? tlsArgs : [] }),
  );
  const [listenerPort, adminPort] = [await freePort(), await freePort()];
  const bootstrap = (await readFile(join(examples, 'envoy', name), 'utf8'))
    .replace('port_value: 5678', `port_value: ${xdsPort}`)
    .replace('port_value: 8443', `port_value: ${listenerPort}`)
    .replace('port_value: 9901', `port_value: ${adminPort}`)
    .replaceAll('examples/certs/', `${certs}/`);
  await writeFile(dir.join('envoy.yaml'), bootstrap);
  await run(envoyPath, ['--mode', 'validate', '--config-path', dir.join('envoy.yaml')]);

  stack.use(await startEnvoyOf(envoyPath, dir.join('envoy.yaml')));
  await poll('Envoy to be ready', async () => {
    const response = await fetch(`http://127.0.0.1:${adminPort}/ready`).catch(() => undefined);
    return response?.status === 200 ? true : undefined;
  });

  const client = await identity(certs, 'client');
  const stranger = await identity(certs, 'stranger');
  assert.notEqual(await tryClient(listenerPort, client), 'accepted');
  await cp(join(certs, 'demo-trust.yaml'), join(trust, 'demo-trust.yaml'));
  await untilDecision(listenerPort, client, 'accepted');
  assert.notEqual(await tryClient(listenerPort, stranger), 'accepted');
}

async function identity(certs: string, name: string) {
  const [certPem, keyPem] = await Promise.all(
    ['crt', 'key'].map((extension) => readFile(join(certs, `${name}.${extension}`), 'utf8')),
  );
  assert.ok(certPem !== undefined && keyPem !== undefined);
  return { certPem, keyPem };
}
