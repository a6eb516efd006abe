import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { suite, test } from 'node:test';

const source = new URL('../../../src/', import.meta.url);

/** The string literals and templates at the beginning of the second argument of `finding(…)`, in all sources. */
async function sentences(): Promise<readonly (readonly [file: string, sentence: string])[]> {
  const names = await readdir(source, { recursive: true });
  const texts = await Promise.all(
    names
      .filter((name) => name.endsWith('.ts'))
      .map(async (name) => [name, await readFile(new URL(name, source), 'utf8')] as const),
  );
  return texts.flatMap(([name, text]) =>
    [...text.matchAll(/finding\(\s*'MT\d{3}',\s*(['`])(.*?)\1/gs)].map(
      ([, , sentence = '']) => [name, sentence] as const,
    ),
  );
}

suite('sentences of findings', () => {
  test('each sentence: begins with its subject, not with a verb', async () => {
    const all = await sentences();
    assert.ok(all.length > 15, `only ${all.length} were found`);
    for (const [file, sentence] of all)
      assert.match(
        sentence,
        /^(?:the|a|an|one|no|mesh|trust domain|CA|\$\{)\b|^\$\{/,
        `${file}: ${sentence}`,
      );
  });
});
