import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { suite, test } from 'node:test';
import { followDistrustFile } from '../../src/runtime/state/distrust-file.ts';
import { loadKubeConfig } from '../../src/kubernetes/client/kube-config.ts';
import { followTlsFiles } from '../../src/net/follow-tls-files.ts';
import { followTokenFile } from '../../src/net/follow-token-file.ts';
import { readRegularFile } from '../../src/net/read-regular-file.ts';
import { createLogger } from '../../src/observe/log/log.ts';
import { makeTempDir } from '../kit/temp-dir.ts';

suite('reading a file that is followed', () => {
  test('a regular file, and a link to one → its bytes', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a'), 'text');
    await symlink('a', dir.join('b'));
    assert.equal((await readRegularFile(dir.join('a'))).toString(), 'text');
    assert.equal((await readRegularFile(dir.join('b'))).toString(), 'text');
  });

  test('a named pipe, a directory, a device, a socket → an error at once', async () => {
    await using dir = await makeTempDir();
    execFileSync('mkfifo', [dir.join('pipe')]);
    await mkdir(dir.join('folder'));
    const server = createServer().listen(dir.join('socket'));
    await once(server, 'listening');
    await assert.rejects(readRegularFile(dir.join('pipe')), /pipe is not a regular file/);
    await assert.rejects(readRegularFile(dir.join('folder')), /folder is not a regular file/);
    await assert.rejects(readRegularFile('/dev/zero'), /is not a regular file/);
    await assert.rejects(readRegularFile(dir.join('socket')), /ENXIO|not a regular file/);
    server.close();
  });

  test('more than 16 MiB → an error that says so', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a'), '');
    await truncate(dir.join('a'), 2 ** 24 + 1);
    await assert.rejects(readRegularFile(dir.join('a')), /is 16777217 bytes long; the limit is/);
  });

  // A hundred times: four blocked reads would already hold all threads for files.
  test('named pipes in place of every file that is followed → each says so, and files can still be read', async () => {
    await using dir = await makeTempDir();
    execFileSync('mkfifo', [dir.join('pipe')]);
    const pipe = dir.join('pipe');
    const log = createLogger({ format: 'json', level: 'error', stream: new PassThrough() });
    const never = (): never => assert.fail('it was used');
    for (let round = 0; round < 20; round += 1) {
      await assert.rejects(followTokenFile(pipe, never), /not a regular file/);
      await assert.rejects(followDistrustFile(pipe, log, never), /not a regular file/);
      await assert.rejects(
        followTlsFiles({ certificate: pipe, key: pipe, clientCa: pipe }, { loaded: never, refused: never }),
        /not a regular file/,
      );
    }
    assert.throws(() => loadKubeConfig(pipe), /the kubeconfig .* is not a regular file/);
    assert.throws(() => loadKubeConfig(undefined, { KUBECONFIG: pipe }), /is not a regular file/);
    await mkdir(dir.join('.kube'));
    execFileSync('mkfifo', [dir.join('.kube/config')]);
    assert.throws(() => loadKubeConfig(undefined, { HOME: dir.path }), /config is not a regular file/);
    await writeFile(dir.join('a'), 'text');
    assert.equal((await readRegularFile(dir.join('a'))).toString(), 'text');
  });
});
