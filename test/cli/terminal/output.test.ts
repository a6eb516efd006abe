import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { suite, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { load } from 'js-yaml';
import { formatDuration, renderTable, styleOf, writeOutput } from '../../../src/cli/terminal/output.ts';
import type { Column } from '../../../src/cli/terminal/output.ts';
import type { OutputFormat } from '../../../src/cli/terminal/output-format.ts';
import { terminalText } from '../../../src/cli/terminal/terminal.ts';

interface Pet {
  readonly name: string;
  readonly kind: string;
  readonly legs: number;
}

const columns: readonly Column<Pet>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'LEGS', value: ({ legs }) => String(legs), wide: true },
  { title: 'KIND', value: ({ kind }) => kind, tone: () => 'good' },
];
const pets: readonly Pet[] = [
  { name: 'Tom', kind: 'cat', legs: 4 },
  { name: 'Jeremiah', kind: '', legs: 10 },
];

function ioOf(env: Readonly<Record<string, string>> = {}, isTTY = false) {
  const chunks: string[] = [];
  const stdout = Object.assign(
    new Writable({ decodeStrings: false, write: (text: string, _, done) => (chunks.push(text), done()) }),
    { isTTY },
  );
  const { signal } = new AbortController();
  return { args: [], env, stdout, stderr: stdout, signal, text: () => chunks.join('') };
}

suite('renderTable', () => {
  test('cells of different widths: columns are aligned, and an empty cell is a dash', () => {
    assert.equal(
      renderTable(columns, pets, { wide: false, colour: false }),
      'NAME      KIND\nTom       cat\nJeremiah  -\n',
    );
  });

  test('wide: has more columns', () => {
    assert.equal(
      renderTable(columns, pets, { wide: true, colour: false }),
      'NAME      LEGS  KIND\nTom       4     cat\nJeremiah  10    -\n',
    );
  });

  test('colours: same text', () => {
    const coloured = terminalText(renderTable(columns, pets, { wide: true, colour: true }));
    assert.notEqual(coloured, stripVTControlCharacters(coloured));
    assert.equal(
      stripVTControlCharacters(coloured),
      renderTable(columns, pets, { wide: true, colour: false }),
    );
  });

  test('unsafe characters in a cell: removed', () => {
    const table = renderTable(columns, [{ name: 'a\u001b[2Jb\nc', kind: 'x', legs: 0 }], {
      wide: false,
      colour: false,
    });
    assert.equal(table, 'NAME      KIND\na [2Jb c  x\n');
  });

  test('no rows: only the titles', () => {
    assert.equal(renderTable(columns, [], { wide: false, colour: false }), 'NAME  KIND\n');
  });
});

suite('styleOf', () => {
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, boolean, boolean])[] = [
    ['a terminal', {}, true, true],
    ['a pipe', {}, false, false],
    ['a terminal with NO_COLOR', { NO_COLOR: '1' }, true, false],
    ['a terminal with an empty NO_COLOR', { NO_COLOR: '' }, true, true],
    ['a pipe with FORCE_COLOR', { FORCE_COLOR: '1' }, false, true],
    ['a terminal with FORCE_COLOR=0', { FORCE_COLOR: '0' }, true, false],
    ['a dumb terminal', { TERM: 'dumb' }, true, false],
  ];
  for (const [what, env, isTTY, colour] of cases) {
    test(`${colour ? 'has' : 'has no'} colours on ${what}`, () => {
      assert.deepEqual(styleOf(ioOf(env, isTTY), 'table'), { wide: false, colour });
    });
  }
});

suite('writeOutput', () => {
  const data = { pets, none: undefined, when: '2026-01-01T00:00:00Z' };
  const written = (format: OutputFormat): string => {
    const io = ioOf();
    writeOutput(io, format, data, ({ wide }) => `for people, ${wide ? 'wide' : 'narrow'}\n`);
    return io.text();
  };

  test('JSON and YAML: have the same data', () => {
    assert.deepEqual(JSON.parse(written('json')), { pets, when: data.when });
    assert.deepEqual(load(written('yaml')), { pets, when: data.when });
  });

  test('table and wide: calls the given function', () => {
    assert.equal(written('table'), 'for people, narrow\n');
    assert.equal(written('wide'), 'for people, wide\n');
  });
});

suite('formatDuration', () => {
  const cases = [
    [0, '0ms'],
    [-5, '0ms'],
    [12.4, '12ms'],
    [999, '999ms'],
    [1000, '1s'],
    [59_400, '59s'],
    [59_600, '1m'],
    [200_000, '3m20s'],
    [12 * 60_000 + 5_000, '12m'],
    [47 * 3_600_000, '47h'],
    [48 * 3_600_000, '2d'],
  ] as const;
  for (const [milliseconds, text] of cases) {
    test(`${milliseconds} ms: ${text}`, () => assert.equal(formatDuration(milliseconds), text));
  }
});
