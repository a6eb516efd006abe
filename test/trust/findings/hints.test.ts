import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { catalogue } from '../../../src/trust/findings/catalogue.ts';
import { parseHints } from '../../../src/trust/findings/hints.ts';

describe('hints', () => {
  it('docs/findings.md → a hint for each code', async () => {
    const hints = parseHints(await readFile(new URL('../../../docs/findings.md', import.meta.url), 'utf8'));
    assert.deepEqual(Object.keys(hints).sort(), Object.keys(catalogue).sort());
    for (const [code, { served, remedy }] of Object.entries(hints)) {
      for (const text of [served, remedy]) {
        assert.match(text, /^[A-Z-].*\.$/, `${code}: a sentence`);
        assert.doesNotMatch(text, /[`*]|\]\(/, `${code}: without marks`);
      }
    }
  });

  it('link → its text is kept; section without hints → left out', () => {
    const text =
      '## MT001 a\n\nText.\n\n- **What is served:** all of `x` (see [MT040](#mt040)).\n- **What to do:** nothing.\n\n## MT002 b\n\nText.\n';
    assert.deepEqual(parseHints(text), {
      MT001: { served: 'All of x (see MT040).', remedy: 'Nothing.' },
    });
  });
});
