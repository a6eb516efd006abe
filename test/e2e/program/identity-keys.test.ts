import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { makeCa } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { bundled, identityText, inline, secretText } from '../../kit/mesh-identities.ts';
import { untilServed } from './served.ts';

/** Returns parts of a key that any copy of it has. The first line of a P-256 key is the same in all keys. */
function wordsOf(pem: string): readonly string[] {
  const [, , second = ''] = pem.split('\n');
  const encoded = Buffer.from(pem).toString('base64');
  const words = [second.slice(8, 40), encoded.slice(140, 180)];
  assert.ok(words.every((word) => word.length >= 30));
  return words;
}

test('the private key of a MeshIdentity is not in memory, log, metrics, API or state after the file was read', async () => {
  await using dir = await makeTempDir();
  await using state = await makeTempDir();
  await using dumps = await makeTempDir();
  const files = watchedDir(dir.path);
  const ca = makeCa({ commonName: 'A' });
  const other = makeCa({ commonName: 'B' });
  await files.put(
    'inline.yaml',
    identityText({ spec: bundled(inline(ca.certPem), { privateKey: inline(ca.keyPem) }) }),
  );
  await files.put('key.yaml', secretText('identity-private-key', other.keyPem));
  await files.put('both.yaml', secretText('both', other.certPem + other.keyPem));
  await using server = await startMeshtrust({
    dirs: [dir.path],
    args: ['--identities', '--log-level=debug', `--state-dir=${state.path}`],
    // By default a snapshot has only the first 1,024 characters of a string.
    nodeArgs: [
      '--heapsnapshot-signal=SIGUSR2',
      '--heap-snapshot-string-limit=1000000',
      `--diagnostic-dir=${dumps.path}`,
    ],
  });
  await untilServed(server, ['a.example: A']);
  // A version that replaces the one before, so that the state of a file has had both.
  await files.put(
    'inline.yaml',
    identityText({
      more: { labels: { team: 'a' } },
      spec: bundled(inline(ca.certPem), { privateKey: inline(ca.keyPem) }),
    }),
  );
  await server.logged('the key', ({ code }) => code === 'MT075');

  const paths = ['/api/v1/meshes/default', '/api/v1/findings', '/metrics', '/readyz'];
  const texts = await Promise.all(paths.map(async (path) => (await server.admin(path)).body));
  texts.push(JSON.stringify(server.logs()));
  const kept = await poll('the state to be written', async () => {
    const names = await readdir(state.path);
    return names.some((name) => name.endsWith('.lastgood')) ? names : undefined;
  });
  for (const name of kept) texts.push(await readFile(state.join(name), 'latin1'));
  process.kill(server.pid, 'SIGUSR2');
  const dump = await poll(
    'a complete heap snapshot',
    async () => {
      const [name] = await readdir(dumps.path);
      const text = name === undefined ? '' : await readFile(dumps.join(name), 'latin1');
      return /\]\}\s*$/.test(text) ? text : undefined;
    },
    { timeoutMs: 60_000 },
  );
  assert.ok(dump.includes('insecureInline'), 'the snapshot has the strings of the program');
  for (const text of [...texts, dump])
    for (const word of [...wordsOf(ca.keyPem), ...wordsOf(other.keyPem)])
      assert.equal(text.includes(word), false, word);
});
