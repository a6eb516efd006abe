import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { suite, test } from 'node:test';
import type { RotationDetail } from '../../../src/api/rotation-api-types.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { makeCa } from '../../kit/certificates.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { fingerprintOf } from '../../kit/resources.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../run.ts';
import type { Outcome } from '../run.ts';

const hour = 3_600_000;
const [old, next] = [makeCa({ commonName: 'Old' }), makeCa({ commonName: 'New' })];

/** A MeshTrust whose rotation was switched at a time. */
function switched(at: number): string {
  const annotations = {
    'meshtrust.io/rotation-old': fingerprintOf(old.certPem),
    'meshtrust.io/rotation-new': fingerprintOf(next.certPem),
    'meshtrust.io/rotation-leaf-ttl': '1h',
    'meshtrust.io/rotation-switched-at': new Date(at).toISOString(),
  };
  const pems = [old.certPem, next.certPem];
  return meshTrustYaml({ name: 'zone', trustDomain: 'a.test', pems }).replace(
    'spec:',
    `annotations: ${JSON.stringify(annotations)}\nspec:`,
  );
}

const text = switched(Date.now());
/** An access log with a client of the old CA, now. */
const log = `${JSON.stringify({ issuer: fingerprintOf(old.certPem) })}\n`;

/** Runs `meshtrust rotate` with this standard input, and stops it after some outputs. */
async function rotateWith(stdin: string, args: readonly string[], outputs = Infinity) {
  const stop = new AbortController();
  const written: string[] = [];
  const stdout = new Writable({
    decodeStrings: false,
    write: (chunk: string, _, done) => {
      if (written.push(chunk) === outputs) stop.abort();
      done();
    },
  });
  const outcome: Outcome = await run(['rotate', ...args], {}, stop.signal, (io) =>
    runProgram({ ...io, stdout, stdin: Readable.from([stdin]), watchMs: 10 }),
  );
  return { ...outcome, written };
}

async function scene() {
  await using stack = new AsyncDisposableStack();
  const trust = stack.use(await makeTempDir());
  await writeFile(trust.join('trust.yaml'), text);
  const server = stack.use(await startMeshtrust({ dirs: [trust.path] }));
  const owned = stack.move();
  return {
    url: `--server=http://127.0.0.1:${server.adminPort}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

suite('meshtrust rotate with what can be read only once', () => {
  test('status --watch with an access log on standard input → each round has its clients', async () => {
    await using it = await scene();
    const args = ['status', '--watch', '--access-log=-', '-o', 'json', it.url];
    const { code, written, stderr } = await rotateWith(log, args, 2);
    assert.equal(code, 0, stderr);
    const open = written.map((round) =>
      (JSON.parse(round) as RotationDetail).gates.find(({ id }) => id === 'R42'),
    );
    assert.deepEqual(
      open.map((gate) => gate?.open),
      [false, false],
    );
  });

  test('status --watch with an access log in a named pipe → the same', async () => {
    await using it = await scene();
    await using dir = await makeTempDir();
    const pipe = dir.join('pipe');
    execFileSync('mkfifo', [pipe]);
    const args = ['status', '--watch', `--access-log=${pipe}`, '-o', 'json', it.url];
    const [{ code, written, stderr }] = await Promise.all([rotateWith('', args, 2), writeFile(pipe, log)]);
    assert.equal(code, 0, stderr);
    assert.ok(
      written.every((round) => /"id": "R42",\s+"code": "old-issuer-seen",\s+"open": false/.test(round)),
    );
  });

  test('status --watch whose reader has closed the pipe → ends', async () => {
    await using it = await scene();
    const stdout = new Writable({
      write: (_, __, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    stdout.on('error', () => undefined);
    const { code } = await run(['rotate', 'status', '--watch', it.url], {}, undefined, (io) =>
      runProgram({ ...io, stdout, watchMs: 10 }),
    );
    assert.equal(code, 0);
  });

  test('wait with the MeshTrust on standard input → waits until time is up', async () => {
    await using it = await scene();
    const args = ['wait', '--proxies=0', '--disconnect-window=0', '--timeout=500ms', it.url, '-'];
    const { code, stderr } = await rotateWith(switched(Date.now() - hour), args);
    assert.equal(code, 4, stderr);
    assert.match(stderr, /timed out after 500ms: draining: waiting for R41 leaves-may-live/);
  });

  test('standard input for two things → exit code 2, and the command does not wait for ever', async () => {
    await using it = await scene();
    const { code, stderr } = await rotateWith(text, ['status', '--access-log=-', it.url, '-']);
    assert.equal(code, 2);
    assert.match(stderr, /the standard input was read already; give - once/);
  });
});
