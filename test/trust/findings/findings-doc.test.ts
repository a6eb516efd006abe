import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { catalogue } from '../../../src/trust/findings/catalogue.ts';

const text = await readFile(new URL('../../../docs/findings.md', import.meta.url), 'utf8');
const sections = text.split(/^## /m).slice(1);
const titles = sections.map((section) => section.split('\n', 1)[0] ?? '');

suite('docs/findings.md', () => {
  test('sections: exactly one for each code, in the order of the catalogue', () => {
    const expected = Object.entries(catalogue).map(([code, { name }]) => `${code} ${name}`);
    assert.ok(expected.length > 20);
    assert.deepEqual(titles, expected);
  });

  for (const [index, title] of titles.entries()) {
    test(`${title}: has the lines "What is served" and "What to do"`, () => {
      assert.match(sections[index] ?? '', /^- \*\*What is served:\*\* /m);
      assert.match(sections[index] ?? '', /^- \*\*What to do:\*\* /m);
    });
  }

  test('links: each leads to an existing section', () => {
    const anchors = new Set(titles.map((title) => title.toLowerCase().replaceAll(' ', '-')));
    const links = [...text.matchAll(/\]\(#([^)]*)\)/g)].map((match) => match[1] ?? '');
    assert.ok(links.length > 5);
    for (const link of links) assert.ok(anchors.has(link), link);
  });
});
