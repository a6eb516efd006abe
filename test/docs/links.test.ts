import assert from 'node:assert/strict';
import { access, readFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { dirname, join, normalize } from 'node:path';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8', timeout: 10_000 })
  .split('\n')
  .filter((path) => path !== '');

/** Removes fenced blocks and code spans from a text: brackets in them are not links. */
function prose(markdown: string): string {
  return markdown.replaceAll(/^ *```[\s\S]*?^ *```/gm, '').replaceAll(/`[^`\n]*`/g, '');
}

/** The anchors of a page, as GitHub derives them from headings. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const headings = [...markdown.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (?<text>.+)$/gm)];
  const seen = new Map<string, number>();
  return new Set(
    headings.map(({ groups }) => {
      const text = (groups?.['text'] ?? '').replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
      const anchor = text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-');
      const times = seen.get(anchor) ?? 0;
      seen.set(anchor, times + 1);
      return times === 0 ? anchor : `${anchor}-${times}`;
    }),
  );
}

/** The links of a page: in brackets, and as attributes of HTML. */
function linksOf(markdown: string): readonly string[] {
  const text = prose(markdown);
  return [...text.matchAll(/\]\((?<link>[^)\s]+)\)|(?:src|srcset|href)="(?<attribute>[^"]+)"/g)].map(
    ({ groups }) => groups?.['link'] ?? groups?.['attribute'] ?? '',
  );
}

suite('Markdown', () => {
  test('all pages: some have links', () => assert.ok(pages.length > 40));

  for (const page of pages) {
    test(`${page}: each relative link leads to a file, and each anchor to a heading`, async () => {
      const markdown = await readFile(join(root, page), 'utf8');
      const broken: string[] = [];
      for (const link of linksOf(markdown)) {
        if (/^[a-z]+:/.test(link)) continue;
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? page : normalize(join(dirname(page), path));
        const exists = await access(join(root, target)).then(
          () => true,
          () => false,
        );
        if (!exists || target.startsWith('..')) broken.push(link);
        else if (anchor !== undefined && target.endsWith('.md')) {
          const anchors = anchorsOf(await readFile(join(root, target), 'utf8'));
          if (!anchors.has(anchor)) broken.push(link);
        }
      }
      assert.deepEqual(broken, []);
    });
  }
});

suite('README.md', () => {
  test('commands and their output: are those of docs/commands.md, which other tests compare with the program', async () => {
    const [readme, commands] = await Promise.all(
      ['README.md', 'docs/commands.md'].map((path) => readFile(join(root, path), 'utf8')),
    );
    const [, section = ''] = (readme ?? '').split(/^## Day two$/m);
    const [, block = ''] = section.split(/^```$/m);
    const examples = block.trim().split(/\n\n(?=\$ )/);
    assert.equal(examples.length, 5);
    for (const example of examples) assert.ok(commands?.includes(example), example);
  });

  test('length: at most 160 lines', async () => {
    const lines = (await readFile(join(root, 'README.md'), 'utf8')).trim().split('\n');
    assert.ok(lines.length <= 160, `${lines.length} lines`);
  });
});
