import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { refusedLines } from './refused-lines.ts';

suite('comments', () => {
  test('line of a comment above 120 columns: is refused, unless it has an address', async () => {
    const words = (columns: number): string => 'word '.repeat(24).slice(0, columns);
    const lines = [
      `// ${words(117)}`,
      `// ${words(118)}`,
      '/**',
      ` * ${words(117)}`,
      ` * ${words(118)}`,
      ` * ${words(118)} https://example.com`,
      ' */',
      `export const a = '${words(118)}';`,
      `export const b = 1; // ${words(118)}`,
      `/** ${words(114)} */`,
      'export const c = 1;',
    ];
    const refused = await refusedLines('comment-width', new Map([['app/probe.ts', lines]]));
    assert.deepEqual(refused.get('app/probe.ts'), new Set([1, 4, 9]));
  });
});
