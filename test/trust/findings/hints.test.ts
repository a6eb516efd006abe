import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { catalogue } from '../../../src/trust/findings/catalogue.ts';
import type { FindingCode } from '../../../src/trust/findings/catalogue.ts';
import { hints } from '../../../src/trust/findings/hints.ts';
import { hintsModule, manual, parseHints } from '../../../scripts/findings-hints.ts';

suite('hints', () => {
  test('the table of the program → is that of docs/findings.md', async () => {
    const table = await readFile(new URL('../../../src/trust/findings/hints.ts', import.meta.url), 'utf8');
    assert.equal(
      table,
      await hintsModule(await readFile(manual, 'utf8')),
      'run: node scripts/findings-hints.ts',
    );
  });

  test('docs/findings.md → a hint for each code', () => {
    assert.deepEqual(Object.keys(hints).sort(), Object.keys(catalogue).sort());
    for (const code of Object.keys(catalogue) as FindingCode[]) {
      const { name, about, served, remedy } = hints[code];
      assert.equal(name, catalogue[code].name, code);
      assert.match(about, /^[A-Z].*\.$/, `${code}: text`);
      for (const text of [served, remedy]) assert.match(text, /^[A-Z-].*\.$/, `${code}: a sentence`);
      for (const text of [about, served, remedy])
        assert.doesNotMatch(text, /`|\*\*|\]\(|\b_\w|\w_(?!\w)/, `${code}: without marks`);
    }
  });

  test('text with a list and emphasis → the whole text, on one line', () => {
    const text =
      '## MT001 a\n\nIt is _one_ of:\n\n- a `b_c`;\n- c.\n\nMore.\n\n- **What is served:** all.\n- **What to do:** nothing.\n';
    assert.equal(parseHints(text)['MT001']?.about, 'It is one of: a b_c; c. More.');
  });

  test('link → its text is kept; section without hints → left out', () => {
    const text =
      '## MT001 a\n\nText.\n\n- **What is served:** all of `x` (see [MT040](#mt040)).\n- **What to do:** nothing.\n\n## MT002 b\n\nText.\n';
    assert.deepEqual(parseHints(text), {
      MT001: { name: 'a', about: 'Text.', served: 'All of x (see MT040).', remedy: 'Nothing.' },
    });
  });
});
