import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { stepsOf, trackedFiles } from '../kit/doc-blocks.ts';

const recipe = (name: string): readonly [page: string, coveredBy: string] => [
  `docs/recipes/${name}.md`,
  `test/e2e/recipes/${name}.test.ts`,
];

/** The pages that show commands with their output, and the test that runs them. */
const pages = new Map([
  ['README.md', 'test/e2e/docs/readme.test.ts'],
  ['docs/get-started.md', 'test/e2e/docs/get-started.test.ts'],
  ['docs/commands.md', 'test/e2e/docs/commands.test.ts'],
  ['docs/webhook.md', 'test/e2e/cluster/webhook.test.ts'],
  recipe('cert-manager-leaf'),
  recipe('kuma-gateway'),
  recipe('outside-applications'),
  recipe('plain-envoys'),
  ...trackedFiles('docs/runbooks/*.md').map((page) => [page, 'test/e2e/docs/runbooks.test.ts'] as const),
]);

suite('commands with their output', () => {
  for (const page of trackedFiles('*.md'))
    test(`${page}: a test runs the commands whose output it shows`, async () => {
      const steps = stepsOf(await readFile(page, 'utf8')).filter(({ output }) => output !== undefined);
      const coveredBy = pages.get(page);
      if (coveredBy === undefined)
        assert.deepEqual(
          steps.map(({ command }) => command),
          [],
          'run the page in test/e2e/docs',
        );
      else assert.ok(existsSync(coveredBy), coveredBy);
    });

  test('each page of the table: exists', () => {
    for (const page of pages.keys()) assert.ok(existsSync(page), page);
  });
});
