import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { suite, test } from 'node:test';

const root = new URL('../../../', import.meta.url);
const read = (path: string): Promise<string> => readFile(new URL(path, root), 'utf8');
const [page, audit] = await Promise.all(['docs/log.md', 'docs/audit.md'].map(read));

/** Returns the names in the first column of tables. */
function documented(text = ''): readonly string[] {
  return namesIn(text.split('\n').flatMap((line) => /^\| (`[^|]*)/.exec(line)?.[1] ?? []));
}

/** Returns the names in headings. */
function headings(text = ''): readonly string[] {
  return namesIn(text.split('\n').filter((line) => line.startsWith('## ')));
}

function namesIn(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => [...text.matchAll(/`([a-z-]+)`/g)].map((match) => match[1] ?? ''));
}

/** Returns the events of the program: `event: 'name'`, and those whose name is in a variable. */
async function written(): Promise<readonly string[]> {
  const files = globSync('src/**/*.ts', { cwd: root, exclude: ['src/page/**'] });
  const sources = await Promise.all(files.map(read));
  const literal = sources.flatMap((source) =>
    [...source.matchAll(/(?<!on\()event: '([a-z-]+)'/g)].map((match) => match[1] ?? ''),
  );
  const named = ['guard-held', 'guard-ended', 'proxy-lost', 'proxy-lost-expired'];
  const proxies = ['proxy-connected', 'proxy-disconnected', 'proxy-reconnected'];
  return [...new Set([...literal, ...named, ...proxies])];
}

suite('docs/log.md', () => {
  test('each event of the program: is on the page', async () => {
    const known = new Set(documented(page));
    assert.deepEqual(
      (await written()).filter((name) => !known.has(name)),
      [],
    );
  });

  test('each event on the page, and in docs/audit.md: is one of the program', async () => {
    const names = new Set(await written());
    const events = [...documented(page), ...headings(audit)];
    assert.ok(events.length > 60, `${events.length} events`);
    assert.deepEqual(
      events.filter((name) => !names.has(name)),
      [],
    );
  });
});
