import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { mapFew } from '../../../src/cli/ask/ask-server.ts';
import { makeCa } from '../../kit/certificates.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../run.ts';
import { wholeServer } from '../whole-server.ts';

suite('mapFew', () => {
  test('many items: results in order, at most eight at once', async () => {
    let [open, most] = [0, 0];
    const items = Array.from({ length: 100 }, (_, index) => index);
    const results = await mapFew(items, async (item) => {
      open += 1;
      most = Math.max(most, open);
      for (let turns = item % 5; turns >= 0; turns -= 1) await turn();
      open -= 1;
      return item * 2;
    });
    assert.deepEqual(
      results,
      items.map((item) => item * 2),
    );
    assert.equal(most, 8);
    assert.deepEqual(await mapFew([], () => Promise.resolve(1)), []);
  });

  test('one item fails: rejects with its error', async () => {
    await assert.rejects(
      mapFew([1, 2, 3], (item) => (item === 2 ? Promise.reject(new Error('no')) : Promise.resolve(item))),
      /no/,
    );
  });
});

suite('server with more meshes than connections', () => {
  test('check and diff: read every mesh', async () => {
    const pems = [makeCa({ commonName: 'A' }).certPem];
    const resources = Array.from({ length: 300 }, (_, index) => ({
      name: 'a',
      trustDomain: `a${index}.test`,
      mesh: `mesh-${index}`,
      pems,
    }));
    await using server = await wholeServer(resources);
    await using empty = await makeTempDir();
    const check = await run(['check', `--server=${server.url}`]);
    assert.equal(check.code, 0, check.stdout);
    const { code, stderr } = await run(['diff', empty.path, `--server=${server.url}`]);
    assert.deepEqual([code, stderr.trimEnd().split('\n').length], [1, 300]);
  });
});
