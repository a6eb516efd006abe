import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { runProgram } from '../../../src/cli/program.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../run.ts';
import type { Outcome } from '../run.ts';

const ca = makeCa({ commonName: 'Root' });
const leaf = makeLeaf(ca, { commonName: 'web', spiffeId: 'spiffe://a.test/web' });
const text = meshTrustYaml({ name: 'a', trustDomain: 'a.test', pems: [ca.certPem] });

/** Runs a command line with this standard input. */
function runWith(stdin: string | Buffer, args: readonly string[]): Promise<Outcome> {
  return run(args, {}, undefined, (io) => runProgram({ ...io, stdin: Readable.from([stdin]) }));
}

suite('the standard input as -', () => {
  test('validate: reads resources from it', async () => {
    const good = await runWith(text, ['validate', '-']);
    assert.deepEqual([good.code, good.stderr], [0, '1 MeshTrust accepted; 0 errors, 0 warnings, 0 notes\n']);
    const bad = await runWith('type: MeshTrsut\n', ['validate', '-']);
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /^error: stdin:1: MT009 /m);
  });

  test('validate: files beside it are read as well', async () => {
    await using dir = await makeTempDir();
    await writeFile(
      dir.join('b.yaml'),
      meshTrustYaml({ name: 'b', trustDomain: 'b.test', pems: [ca.certPem] }),
    );
    const { code, stderr } = await runWith(text, ['validate', '-', dir.path]);
    assert.equal(code, 0);
    assert.match(stderr, /^2 MeshTrusts accepted; 0 errors,/);
  });

  test('validate: bytes that are not UTF-8, or empty input: an error', async () => {
    assert.match(
      (await runWith(Buffer.of(0xff, 0xfe), ['validate', '-'])).stdout,
      /stdin: MT001 .*not UTF-8/,
    );
    assert.equal((await runWith('', ['validate', '-'])).code, 1);
  });

  test('validate: more than 16 MiB: exit code 2', async () => {
    const { code, stderr } = await runWith(Buffer.alloc(16 * 2 ** 20 + 1, '#'), ['validate', '-']);
    assert.equal(code, 2);
    assert.match(stderr, /longer than 16777216 bytes/);
  });

  test('bundle and diff: read resources from it', async () => {
    assert.match((await runWith(text, ['bundle', '-'])).stdout, /trust domain a\.test/);
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), text);
    assert.equal((await runWith(text, ['diff', dir.path, '-'])).code, 0);
    assert.equal((await runWith(text.replaceAll('a.test', 'c.test'), ['diff', dir.path, '-'])).code, 1);
  });

  test('verify: reads the resources or the leaf from it', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), text);
    await writeFile(dir.join('leaf.pem'), leaf.certPem);
    assert.equal((await runWith(text, ['verify', '--leaf', dir.join('leaf.pem'), '-'])).code, 0);
    assert.equal((await runWith(leaf.certPem, ['verify', '--leaf', '-', dir.join('a.yaml')])).code, 0);
  });

  test('diff --add: reads the first files once', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), text);
    const other = meshTrustYaml({ name: 'b', trustDomain: 'b.test', pems: [ca.certPem] });
    await writeFile(dir.join('b.yaml'), other);
    const { code, stdout, stderr } = await runWith(text, ['diff', '--add', '-', dir.join('b.yaml')]);
    assert.deepEqual([code, stderr], [1, 'mesh default: 1 CA certificate added\n']);
    assert.match(stdout, /^default +b\.test +added /m);
    assert.equal((await runWith(text, ['diff', '--add', '-', dir.join('a.yaml')])).code, 0);
  });

  test('given twice: exit code 2', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), text);
    await writeFile(dir.join('leaf.pem'), leaf.certPem);
    for (const [stdin, ...args] of [
      [text, 'validate', '-', '-'],
      [text, 'diff', '-', '-'],
      [leaf.certPem, 'verify', '--leaf', '-', '-'],
      [leaf.certPem, 'verify', '--leaf', '-', '--chain', '-', dir.join('a.yaml')],
    ] as const) {
      const { code, stdout, stderr } = await runWith(stdin, args);
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.match(stderr, /^error: -: is given twice, and the standard input can be read only once\n$/);
    }
  });

  const silent: readonly (readonly string[])[] = [
    ['validate', '-'],
    ['verify', '--leaf', '-', 'examples/trust'],
    ['rotate', 'observe', '-'],
  ];
  for (const args of silent)
    test(`${args.join(' ')}, and nothing arrives: a signal ends the command`, async () => {
      const stop = new AbortController();
      const stdin = new Readable({ read: () => setImmediate(() => stop.abort()) });
      const { code, stderr } = await run(args, {}, stop.signal, (io) => runProgram({ ...io, stdin }));
      assert.deepEqual([code, stderr], [1, 'error: interrupted\n']);
    });

  const named: readonly ((pipe: string) => readonly string[])[] = [
    (pipe) => ['validate', pipe],
    (pipe) => ['check', '--token-file', pipe],
    (pipe) => ['rotate', 'observe', pipe],
    (pipe) => ['federation', 'fetch', '--url=https://a.test/', '--federation-web-ca', pipe],
  ];
  for (const argsOf of named)
    test(`${argsOf('PIPE').join(' ')}, a named pipe into which nothing is written: a signal ends the process`, async () => {
      await using dir = await makeTempDir();
      const pipe = dir.join('pipe');
      await promisify(execFile)('mkfifo', [pipe]);
      const child = spawn(process.execPath, ['bin/meshtrust.js', ...argsOf(pipe)], { stdio: 'pipe' });
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      // Without a fix, not even a second signal ends the process.
      const killer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      // It can be opened once the command has it open.
      const flags = constants.O_WRONLY | constants.O_NONBLOCK;
      await using writer = await poll('a reader', () => open(pipe, flags).catch(() => undefined));
      assert.ok(writer.fd > 0);
      child.kill('SIGTERM');
      const [code, signal] = (await once(child, 'close')) as readonly unknown[];
      clearTimeout(killer);
      assert.deepEqual([code, signal, stderr], [1, null, 'error: interrupted\n']);
    });

  test('/dev/stdin and process substitution: are read as pipes', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), text);
    const command = `cat ${dir.join('a.yaml')} | "$0" bin/meshtrust.js validate /dev/stdin 2>&1`;
    const { stdout } = await promisify(execFile)('sh', ['-c', command, process.execPath], {
      timeout: 20_000,
    });
    assert.equal(stdout, '1 MeshTrust accepted; 0 errors, 0 warnings, 0 notes\n');
    assert.equal(await readFile(dir.join('a.yaml'), 'utf8'), text);
  });
});
