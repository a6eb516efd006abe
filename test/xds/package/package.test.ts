import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import * as library from '../../../src/xds/index.ts';
import { startChild } from '../../kit/child.ts';
import { unpackLibrary } from '../../kit/packed-library.ts';
import type { PackedLibrary } from '../../kit/packed-library.ts';
import { poll } from '../../kit/poll.ts';
import { createClient } from '../client.ts';
import { ads } from '../loopback/serving.ts';

suite('package meshtrust-xds', () => {
  let packed: PackedLibrary;

  before(async () => {
    packed = await unpackLibrary('xds');
  });
  after(() => packed[Symbol.asyncDispose]());

  test('contents: the library, its proto files and its manual, and no sources', async () => {
    assert.deepEqual((await readdir(packed.installed)).sort(), [
      'LICENSE',
      'README.md',
      'dist',
      'package.json',
      'proto',
    ]);
    assert.deepEqual(await readdir(join(packed.installed, 'dist')), ['xds']);
  });

  test('dependencies: grpc-js and proto-loader, with the ranges and the version of the program', () =>
    packed.checkManifest(['@grpc/grpc-js', '@grpc/proto-loader']));

  test('README: each link leads somewhere without the repository', () => packed.checkLinks());

  test('types: no declaration that an import reaches names proto-loader', () =>
    packed.checkDeclarations('dist/xds/index.d.ts'));

  test('type tests: hold for the types of the package', async () => {
    const text = await readFile(new URL('library-types.ts', import.meta.url), 'utf8');
    await packed.compile(
      'library-types.ts',
      text.replaceAll(/'[./]*\/src\/xds\/index\.ts'/g, "'meshtrust-xds'"),
    );
  });

  test('example of docs/xds-library.md: compiles, runs and serves', async () => {
    const [, code = ''] = /```ts\n([^]*?)```/.exec(packed.readme) ?? [];
    assert.match(code, /from 'meshtrust-xds'/);
    const compiled = await packed.compile('example.ts', code.replace('127.0.0.1:5678', '127.0.0.1:0'));
    assert.ok(existsSync(compiled));
    await using child = await startChild(process.execPath, [compiled]);
    const port = await poll('the port', () => /^listening on (\d+)$/m.exec(child.stdout())?.[1]);
    using client = createClient(`127.0.0.1:${port}`);
    using stream = client.delta(ads.delta);
    const type = { type_url: library.typeUrls.clusterLoadAssignment };
    stream.send({ ...type, node: { id: 'proxy-1' }, resource_names_subscribe: ['one'] });
    assert.equal((await stream.next()).resources[0]?.name, 'one');
    stream.cancel();
    assert.deepEqual(await child.stop('SIGTERM'), { code: 0, signal: null });
  });

  test('further examples of docs/xds-library.md: compile', async () => {
    const [, ...codes] = [...packed.readme.matchAll(/```ts\n([^]*?)```/g)].map(([, code = '']) => code);
    assert.equal(codes.length, 2);
    for (const [index, code] of codes.entries()) await packed.compile(`example-${index}.ts`, code);
  });

  test('exports: are these, and no others', () => {
    assert.deepEqual(Object.keys(library).sort(), [
      'StreamNotes',
      'addXdsServices',
      'anonymousNode',
      'closedConnections',
      'combineObservers',
      'combinedVersion',
      'contentVersion',
      'createResource',
      'createResourceSet',
      'createSnapshotStore',
      'defaultClientLimits',
      'defaultStreamLimits',
      'discoveryServices',
      'lookup',
      'protoDirectory',
      'protoFiles',
      'protoOptions',
      'refusedStreams',
      'transportDefaults',
      'typeUrls',
      'wildcardNames',
      'xdsServerOptions',
    ]);
  });
});
