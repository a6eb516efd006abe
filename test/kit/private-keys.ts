import assert from 'node:assert/strict';
import { createHash, createPrivateKey } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Certificate } from './certificates.ts';
import type { Meshtrust, MeshtrustOptions } from './meshtrust.ts';
import { poll } from './poll.ts';
import { secretTypeUrl } from '../../src/trust/snapshot/publisher.ts';
import { createClient } from '../xds/client.ts';

const dump = fileURLToPath(new URL('./dump-memory.ts', import.meta.url));

/**
 * Returns parts of a private key that every copy of it has: as PEM, as base64 of a text with it, and as bytes. The
 * first line of a P-256 key is the same in all keys.
 */
function markersOf(keyPem: string): readonly string[] {
  const [, , second = ''] = keyPem.split('\n');
  const { d = '' } = createPrivateKey(keyPem).export({ format: 'jwk' });
  // The letters of base64 depend on the position in the text, modulo 3.
  const encoded = [0, 1, 2].map((offset) =>
    Buffer.from(`${' '.repeat(offset)}${keyPem}`)
      .toString('base64')
      .slice(140, 180),
  );
  const scalar = Buffer.from(d, 'base64url');
  const markers = [second.slice(8, 40), ...encoded, d, scalar.toString('latin1'), scalar.toString('hex')];
  if (markers.some(({ length }) => length < 30)) throw new Error('a marker is too short');
  return markers;
}

/** The options of a program whose memory `memoryOf` reads. The folder is for the dumps. */
export function dumping(folder: string): Required<Pick<MeshtrustOptions, 'nodeArgs' | 'env'>> {
  return {
    // By default a snapshot has only the first 1,024 characters of a string.
    nodeArgs: ['--heap-snapshot-string-limit=1000000', '--zero-fill-buffers', `--import=${dump}`],
    env: { DUMP_DIR: folder },
  };
}

/** An output of the program: its text, and a part of it that shows that it is the right one. */
export interface Output {
  readonly text: string;
  readonly has: string | RegExp;
}

export interface OutputOptions {
  /** The folder of `dumping`. */
  readonly dumps: string;
  readonly stateDir: string;
  /** A trust domain of the mesh `default` that is served, and a certificate of it. */
  readonly trustDomain: string;
  readonly ca: Pick<Certificate, 'der' | 'certPem'>;
  /** The finding about the key; absent for a MeshIdentity of another control plane, from which no CA follows. */
  readonly finding?: string;
}

const fetchSecrets = '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets';

/** Returns all outputs of a running program by their name: its memory, log, audit, metrics, API, xDS and state. */
export async function outputsOf(
  server: Meshtrust,
  options: OutputOptions,
): Promise<Readonly<Record<string, Output>>> {
  const { dumps, stateDir, trustDomain, ca, finding } = options;
  const fingerprint = createHash('sha256').update(ca.der).digest('hex');
  const binary = Buffer.from(ca.der).toString('latin1');
  const [, line = ''] = ca.certPem.split('\n');
  const outputs: Record<string, Output> = {};
  const mesh = '/api/v1/meshes/default';
  const paths: Readonly<Record<string, Output['has']>> = {
    '/readyz': /./,
    '/metrics': finding === undefined ? 'meshtrust_' : `code="${finding}"`,
    '/api/v1/server': /version/,
    '/api/v1/meshes': 'default',
    [mesh]: fingerprint,
    [`${mesh}/certificates`]: line,
    [`${mesh}/rollout`]: /version/,
    [`${mesh}/rotations`]: /rotations/,
    [`${mesh}/trust-domains/${trustDomain}/pem`]: line,
    [`${mesh}/trust-domains/${trustDomain}/spiffe`]: Buffer.from(ca.der).toString('base64'),
    '/api/v1/certificates': fingerprint,
    [`/api/v1/certificates/${fingerprint}`]: fingerprint,
    [`/api/v1/certificates/${fingerprint}/pem`]: line,
    '/api/v1/changes': fingerprint,
    '/api/v1/findings': finding ?? 'findings',
    '/api/v1/identities': finding === undefined ? 'identities' : fingerprint,
    '/api/v1/federation': /relationships/,
    '/api/v1/federation/consumers': /./,
    '/api/v1/proxies': /proxies/,
  };
  for (const [path, has] of Object.entries(paths))
    outputs[`API ${path}`] = { text: (await server.admin(path)).body, has };
  using client = createClient(`127.0.0.1:${server.xdsPort}`);
  const request = { type_url: secretTypeUrl, resource_names: ['ALL'], node: { id: 'n' } };
  const { resources } = await client.fetch(fetchSecrets, request);
  const secrets = resources.map(({ value }) => Buffer.from(value).toString('latin1')).join('\n');
  outputs['xDS'] = { text: secrets, has: trustDomain };

  const logs = server.logs();
  outputs['log'] = { text: JSON.stringify(logs), has: finding ?? 'listening' };
  const audit = logs.filter((one) => one['audit'] === true && one['event'] === 'trust-changed');
  outputs['audit'] = { text: JSON.stringify(audit), has: fingerprint };
  const files = await poll('the state to be written', async () => {
    const all = await readdir(stateDir, { recursive: true, withFileTypes: true });
    const names = all.flatMap((one) => (one.isFile() ? [join(one.parentPath, one.name)] : []));
    // A file that is being written gets another name at the end: everything is read again then.
    const texts = await Promise.all(names.map((name) => readFile(name, 'latin1').catch(absent)));
    return texts.some((text) => text?.includes(line)) && !texts.includes(undefined) ? texts : undefined;
  });
  outputs['state'] = { text: files.join('\n'), has: line };

  process.kill(server.pid, 'SIGUSR2');
  await poll('the dump', async () => (await readdir(dumps)).includes('strings') || undefined, {
    timeoutMs: 60_000,
  });
  const dumped = (name: string): Promise<string> => readFile(join(dumps, name), 'latin1');
  outputs['memory: strings'] = { text: await dumped('strings'), has: trustDomain };
  outputs['memory: buffers'] = { text: await dumped('buffers'), has: binary };
  return outputs;
}

/** Asserts that each output is the right one, and that no part of a private key is in it. */
export function assertNoKey(outputs: Readonly<Record<string, Output>>, keyPems: readonly string[]): void {
  const markers = keyPems.flatMap(markersOf);
  for (const [name, { text, has }] of Object.entries(outputs)) {
    const isRight = typeof has === 'string' ? text.includes(has) : has.test(text);
    assert.ok(isRight, `${name} has ${String(has).slice(0, 80)}: ${text.slice(0, 300)}`);
    for (const [index, marker] of markers.entries())
      assert.equal(text.includes(marker), false, `${name} has part ${index} of a private key`);
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
