import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startChild } from '../../kit/child.ts';
import type { Child } from '../../kit/child.ts';
import { freePort } from '../../kit/free-port.ts';
import { poll } from '../../kit/poll.ts';

/** Starts the program with a standard output of which each write fails: no space left on the device. */
function startFull(args: readonly string[]): Promise<Child> {
  const script = 'node=$1; shift; exec "$node" bin/meshtrust.js "$@" > /dev/full';
  return startChild('sh', ['-c', script, 'sh', process.execPath, ...args]);
}

const message = /^error: standard output: no space left on device$/m;

suite('standard output that cannot be written', () => {
  test('command: exit code 1, and one line without a stack', async () => {
    await using child = await startFull(['validate', 'examples/trust']);
    assert.deepEqual(await child.exit, { code: 1, signal: null });
    assert.match(child.stderr(), message);
    assert.doesNotMatch(child.stderr(), /^\s+at /m);
  });

  test('log of a server: it goes on serving', async () => {
    const port = await freePort();
    await using child = await startFull([
      'serve',
      'examples/trust',
      '--xds-listen=127.0.0.1:0',
      `--admin-listen=127.0.0.1:${port}`,
    ]);
    await poll('the message', () => message.exec(child.stderr()) ?? undefined);
    await poll('the server to be ready', async () => {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
      return response?.status === 200 ? true : undefined;
    });
    assert.equal(child.exited(), undefined);
    assert.deepEqual(await child.stop('SIGTERM'), { code: 1, signal: null });
    assert.equal(child.stderr().match(/error: standard output/g)?.length, 1);
  });
});
