import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Client, credentials } from '@grpc/grpc-js';
import * as library from '../../../src/transport/index.ts';
import { startChild } from '../../kit/child.ts';
import { unpackLibrary } from '../../kit/packed-library.ts';
import type { PackedLibrary } from '../../kit/packed-library.ts';
import { poll } from '../../kit/poll.ts';

suite('package meshtrust-grpc-server', () => {
  let packed: PackedLibrary;

  before(async () => {
    packed = await unpackLibrary('grpc-server');
  });
  after(() => packed[Symbol.asyncDispose]());

  test('contents: the library and its manual, and nothing of xDS but what it shares with the library', async () => {
    assert.deepEqual((await readdir(packed.installed)).sort(), [
      'LICENSE',
      'README.md',
      'dist',
      'package.json',
    ]);
    const dist = join(packed.installed, 'dist');
    assert.deepEqual((await readdir(dist)).sort(), ['http2', 'net', 'transport', 'xds']);
    assert.deepEqual((await readdir(join(dist, 'xds'))).sort(), ['small', 'timers', 'wire']);
  });

  test('dependencies: grpc-js alone, with the range and the version of the program', () =>
    packed.checkManifest(['@grpc/grpc-js']));

  test('README: each link leads somewhere without the repository', () => packed.checkLinks());

  test('types: no declaration that an import reaches names another package', () =>
    packed.checkDeclarations('dist/transport/index.d.ts'));

  test('example of docs/grpc-server-library.md: compiles, runs, serves, and drains', async () => {
    const [, code = ''] = /```ts\n([^]*?)```/.exec(packed.readme) ?? [];
    assert.match(code, /from 'meshtrust-grpc-server'/);
    const compiled = await packed.compile('example.ts', code.replace('127.0.0.1:50051', '127.0.0.1:0'));
    await using child = await startChild(process.execPath, [compiled]);
    const port = await poll('the port', () => /^listening on (\d+)$/m.exec(child.stdout())?.[1]);
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    const reply = await new Promise<string | undefined>((resolve, reject) =>
      client.makeUnaryRequest(
        '/example.Greeter/Greet',
        (text: string) => Buffer.from(text),
        (bytes) => bytes.toString(),
        'world',
        (error, value) => (error === null ? resolve(value) : reject(error)),
      ),
    );
    client.close();
    assert.equal(reply, 'hello world');
    assert.deepEqual(await child.stop('SIGTERM'), { code: 0, signal: null });
  });

  test('exports: are these, and no others', () => {
    assert.deepEqual(Object.keys(library).sort(), [
      'GrpcServer',
      'createTlsAcceptor',
      'defaultConnectionLimits',
      'defaultTimes',
      'grpcStatus',
    ]);
  });
});
