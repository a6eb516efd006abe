import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { systemIo } from '../../../src/inputs/directory/io.ts';
import type { DirectoryIo } from '../../../src/inputs/directory/io.ts';
import { createRootNames } from '../../../src/inputs/directory/root-names.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

suite('names of roots', () => {
  test('one of many roots changes: only its links are read again', async () => {
    await using dir = await makeTempDir();
    const roots = ['a.yaml', 'b.yaml', 'c.yaml'].map((name) => dir.join(name));
    for (const root of roots) await writeFile(root, '');
    const read: string[] = [];
    const io: DirectoryIo = {
      ...systemIo,
      readlink: (path) => {
        read.push(path);
        return systemIo.readlink(path);
      },
    };
    let noticed = Promise.withResolvers<string>();
    const names = createRootNames(io, roots, (root) => noticed.resolve(root));
    using _closing = { [Symbol.dispose]: () => names.close() };
    await names.follow();
    const ofOne = read.length / roots.length;
    assert.ok(ofOne >= 1);
    for (const root of roots.slice(0, 2)) {
      noticed = Promise.withResolvers<string>();
      read.length = 0;
      await writeFile(root, 'changed');
      assert.equal(await noticed.promise, root);
      await names.follow();
      assert.equal(read.length, ofOne);
    }
  });
});
