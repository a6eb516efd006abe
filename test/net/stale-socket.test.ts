import assert from 'node:assert/strict';
import { access, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { suite, test } from 'node:test';
import { removeStaleSocket } from '../../src/net/listen-address.ts';
import { startChild } from '../kit/child.ts';
import { poll } from '../kit/poll.ts';
import { makeTempDir } from '../kit/temp-dir.ts';

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

suite('socket file', () => {
  test('its process was killed: is removed', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('x.sock');
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
    await using child = await startChild(process.execPath, ['-e', script]);
    await poll('the child to listen', () => (child.stdout() === '' ? undefined : true));
    await child.stop('SIGKILL');
    assert.ok(await exists(path), 'a killed process leaves its socket file');
    await removeStaleSocket(path);
    assert.ok(!(await exists(path)));
  });

  test('a process listens: stays', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('x.sock');
    await using server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await removeStaleSocket(path);
    assert.ok(await exists(path));
  });

  test('another kind of file, or no file: nothing is removed', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('file');
    await writeFile(path, 'kept');
    await removeStaleSocket(path);
    assert.ok(await exists(path));
    await removeStaleSocket(dir.join('nothing'));
  });
});
