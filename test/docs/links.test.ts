import assert from 'node:assert/strict';
import { access, readFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { dirname, join, normalize } from 'node:path';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { linksOf } from '../kit/markdown-links.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8', timeout: 10_000 })
  .split('\n')
  .filter((path) => path !== '');

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

/** A package as `npm pack --json` describes it. */
interface Packed {
  readonly files: readonly { readonly path: string }[];
}

/** Returns the folders that a path is in. */
function foldersOf(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
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

suite('npm package', () => {
  const flags = ['--dry-run', '--json', '--ignore-scripts'];
  const listing = execFileSync('npm', ['pack', ...flags], { cwd: root, encoding: 'utf8', timeout: 60_000 });
  // A list, or an object by name: that depends on the version of npm.
  const [packed] = Object.values(JSON.parse(listing) as Readonly<Record<string, Packed>>);
  const files = new Set((packed?.files ?? []).map(({ path }) => path));
  const folders = new Set([...files].flatMap(foldersOf));
  const manuals = [...files].filter((path) => path.endsWith('.md'));

  test('contents: the documentation is part of it', () => assert.ok(manuals.length > 40));

  for (const page of manuals)
    test(`${page}: each relative link leads to a file of the package`, async () => {
      const markdown = await readFile(join(root, page), 'utf8');
      const targets = linksOf(markdown)
        .filter((link) => !/^(?:[a-z]+:|#)/.test(link))
        .map((link) => normalize(join(dirname(page), link.replace(/#.*/, ''))).replace(/\/$/, ''));
      assert.deepEqual(
        targets.filter((target) => !files.has(target) && !folders.has(target)),
        [],
      );
    });
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
