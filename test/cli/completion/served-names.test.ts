import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { runKubectlCompletion } from '../../../src/cli/kubectl-plugin.ts';
import { streamOf } from '../../fleet/scene.ts';
import { makeCa } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../run.ts';
import { wholeServer } from '../whole-server.ts';

const execute = promisify(execFile);
const ca = makeCa();

/** Returns the completions of the last word. */
async function complete(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const { code, stdout, stderr } = await run(['complete', '--', ...words], env);
  assert.deepEqual([code, stderr], [0, '']);
  return stdout.split('\n').filter((line) => line !== '' && !line.startsWith(':'));
}

suite('completion of names that a server knows', () => {
  test('meshes, trust domains, secrets and proxies: each is completed', async () => {
    await using server = await wholeServer([
      { name: 'a', trustDomain: 'a.test', pems: [ca.certPem] },
      { name: 'b', trustDomain: 'b.test', mesh: 'blue', pems: [ca.certPem] },
    ]);
    for (const [id, node] of ['edge-1', 'edge-2', 'core', '$(touch x)', 'a b'].entries())
      server.proxies.asks(streamOf(id, node));
    const to = { MESHTRUST_SERVER: server.url };
    const cases: readonly (readonly [words: readonly string[], expected: readonly string[]])[] = [
      [
        ['wait', '--mesh', ''],
        ['blue', 'default'],
      ],
      [['wait', '--mesh', 'b'], ['blue']],
      [['wait', '--mesh=d'], ['--mesh=default']],
      [
        ['bundle', '--trust-domain', ''],
        ['a.test', 'b.test'],
      ],
      [['bootstrap', '--secret', 'spiffe://b'], ['spiffe://b.test']],
      [
        ['proxy-status', 'edge'],
        ['edge-1', 'edge-2'],
      ],
      // A name with other characters would need quotes.
      [
        ['ps', ''],
        ['core', 'edge-1', 'edge-2'],
      ],
    ];
    for (const [words, expected] of cases) {
      assert.deepEqual(await complete(words, to), expected, words.join(' '));
      const named = [words[0] ?? '', `--server=${server.url}`, ...words.slice(1)];
      assert.deepEqual(await complete(named), expected, named.join(' '));
      const apart = [words[0] ?? '', '--server', server.url, ...words.slice(1)];
      assert.deepEqual(await complete(apart), expected, apart.join(' '));
    }
  });

  test('server that does not answer, is slow, or is no server: nothing, and no error', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    for (const url of [
      `http://127.0.0.1:${await freePort()}`,
      `http://127.0.0.1:${port}`,
      'ftp://x',
      'unix:/none',
    ])
      assert.deepEqual(await complete(['wait', '--mesh', ''], { MESHTRUST_SERVER: url }), []);
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
  });

  test('token file that cannot be read: nothing, and no error', async () => {
    assert.deepEqual(await complete(['wait', '--token-file', '/none', '--mesh', '']), []);
  });

  test('kubectl without a server: no server of this machine is asked', async () => {
    const words = ['wait', '--mesh', ''];
    const { stdout } = await run(words, {}, new AbortController().signal, runKubectlCompletion);
    assert.equal(stdout, ':4\n');
  });

  test('bash: offers names as they are, and runs nothing of them', async () => {
    await using dir = await makeTempDir();
    const stub = dir.join('meshtrust');
    await writeFile(stub, '#!/bin/sh\nprintf "%s\\n" "edge-1" \'$(touch ran)\' "edge-2\tdescription" ":4"\n');
    await chmod(stub, 0o755);
    const { stdout: script } = await run(['completion', 'bash']);
    const driver = `${script}
COMP_WORDS=("$0" ps '') COMP_CWORD=2
_meshtrust 2>/dev/null
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await execute('bash', ['--norc', '-c', driver, stub], { cwd: dir.path });
    const offered = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('-'));
    assert.deepEqual(offered, ['edge-1', '$(touch ran)', 'edge-2']);
    assert.deepEqual(await readdir(dir.path), ['meshtrust']);
  });
});
