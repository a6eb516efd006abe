import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import files, { rename, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { suite, test } from 'node:test';
import { followFile } from '../../src/net/follow-file.ts';
import { changeWhileRead } from '../kit/change-while-read.ts';
import { makeTempDir } from '../kit/temp-dir.ts';

const never = 3_600_000;

/** Accepts a number. */
function parse(content: Buffer): number {
  const value = Number(content.toString());
  if (Number.isNaN(value)) throw new Error('no number');
  return value;
}

suite('followed file', () => {
  test('changes: are applied once; a file that cannot be used keeps the value, and is reported once', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('file');
    const loaded: number[] = [];
    const problems: (string | undefined)[] = [];
    await writeFile(path, '1');
    const file = await followFile(
      path,
      parse,
      { loaded: (value) => loaded.push(value), problem: (reason) => problems.push(reason) },
      { pollMs: never },
    );
    assert.equal(file.current(), 1);
    await writeFile(path, '2');
    await file.reload();
    await file.reload();
    assert.deepEqual([file.current(), loaded, problems], [2, [2], []]);

    await writeFile(path, 'x');
    await file.reload();
    await file.reload();
    assert.deepEqual([file.current(), loaded, problems], [2, [2], ['no number']]);
    await rm(path);
    await file.reload();
    assert.deepEqual([file.current(), problems.length], [2, 2]);

    await writeFile(path, '2');
    await file.reload();
    assert.deepEqual([file.current(), loaded, problems.at(-1)], [2, [2], undefined]);
    file.close();
    await writeFile(path, '3');
    await file.reload();
    assert.deepEqual([file.current(), loaded], [2, [2]]);
  });

  test('listener that throws: is a problem, and is called again until it succeeds', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('file');
    const loaded: number[] = [];
    const problems: (string | undefined)[] = [];
    await writeFile(path, '1');
    const file = await followFile(
      path,
      parse,
      {
        loaded: (value) => {
          loaded.push(value);
          if (loaded.length < 3) throw new Error('cannot be applied');
        },
        problem: (reason) => problems.push(reason),
      },
      { pollMs: never },
    );
    using _closing = { [Symbol.dispose]: () => file.close() };
    await writeFile(path, '2');
    for (let reading = 0; reading < 4; reading += 1) await file.reload();
    assert.deepEqual(
      [loaded, problems],
      [
        [2, 2, 2],
        ['cannot be applied', undefined],
      ],
    );
  });

  test('two readings at once: the older content does not replace the newer one', async () => {
    await using dir = await makeTempDir();
    const path = dir.join('file');
    await writeFile(path, '1');
    const loaded: number[] = [];
    const events = { loaded: (value: number) => loaded.push(value), problem: assert.fail };
    const file = await followFile(path, parse, events, { pollMs: never });
    using _closing = { [Symbol.dispose]: () => file.close() };
    // Reading a large file takes longer than reading a small one.
    await writeFile(path, `2${' '.repeat(8 * 2 ** 20)}`);
    const older = file.reload();
    await writeFile(dir.join('next'), '3');
    await rename(dir.join('next'), path);
    await Promise.all([older, file.reload()]);
    assert.equal(file.current(), 3);
  });

  test('file that cannot be used at the start: is an error', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('file'), 'x');
    const events = { problem: () => assert.fail() };
    await assert.rejects(followFile(dir.join('file'), parse, events, { pollMs: never }), /no number/);
    await assert.rejects(followFile(dir.join('none'), parse, events, { pollMs: never }), /no such file/);
  });

  test('file that is read in the middle of a write: is applied once it is complete', async (t) => {
    await using dir = await makeTempDir();
    const path = dir.join('file');
    const loaded: number[] = [];
    await writeFile(path, '12');
    const events = { loaded: (value: number) => loaded.push(value), problem: assert.fail };
    const file = await followFile(path, parse, events, { pollMs: never });
    using _closing = { [Symbol.dispose]: () => file.close() };
    await writeFile(path, '3');
    const { open } = files;
    let readings = 0;
    const mock = t.mock.method(files, 'open', (...args: Parameters<typeof open>) => {
      readings += 1;
      if (readings === 2) writeFileSync(path, '34');
      return open(...args);
    });
    syncBuiltinESMExports();
    try {
      await file.reload();
    } finally {
      mock.mock.restore();
      syncBuiltinESMExports();
    }
    assert.deepEqual([file.current(), loaded], [34, [34]]);
  });

  test('file that changes again and again: its newest usable content is applied, and that is reported once', async (t) => {
    await using dir = await makeTempDir();
    const path = dir.join('file');
    await writeFile(path, '1');
    const loaded: number[] = [];
    const problems: (string | undefined)[] = [];
    let restless = 0;
    const file = await followFile(
      path,
      parse,
      {
        loaded: (value) => loaded.push(value),
        problem: (reason) => problems.push(reason),
        restless: () => (restless += 1),
      },
      { pollMs: never, unrestMs: 300 },
    );
    using _closing = { [Symbol.dispose]: () => file.close() };
    const { open } = files;
    let readings = 0;
    let textOf = (reading: number): string => String(reading + 1);
    const mock = t.mock.method(files, 'open', (...args: Parameters<typeof open>) => {
      readings += 1;
      writeFileSync(path, textOf(readings));
      return open(...args);
    });
    syncBuiltinESMExports();
    try {
      await file.reload();
      await file.reload();
      assert.deepEqual([loaded.length, loaded.at(-1), restless], [2, readings + 1, 1]);
      // Of readings that cannot be used, none is applied.
      textOf = (reading) => `x${reading}`;
      await file.reload();
      assert.deepEqual([loaded.length, problems, restless], [2, ['no number'], 1]);
    } finally {
      mock.mock.restore();
      syncBuiltinESMExports();
    }
    await writeFile(path, '7');
    await file.reload();
    assert.deepEqual([file.current(), problems, restless], [7, ['no number', undefined], 1]);
  });

  test('file that changes during each reading: is not applied, because it may be half written', async (t) => {
    await using dir = await makeTempDir();
    const path = dir.join('file');
    await writeFile(path, '1');
    const loaded: number[] = [];
    const problems: (string | undefined)[] = [];
    const file = await followFile(
      path,
      parse,
      { loaded: (value) => loaded.push(value), problem: (reason) => problems.push(reason) },
      { pollMs: never, unrestMs: 200 },
    );
    using _closing = { [Symbol.dispose]: () => file.close() };
    await writeFile(path, '2');
    {
      using _changing = changeWhileRead(t, path, (text) => `${text}2`);
      await file.reload();
    }
    assert.deepEqual(
      [file.current(), loaded, problems],
      [1, [], [`${path} changed each time while it was read`]],
    );
    await file.reload();
    assert.deepEqual([loaded.length, problems.length, problems.at(-1)], [1, 2, undefined]);
  });
});
