import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { runKubectlCompletion } from '../../../src/cli/kubectl-plugin.ts';
import { run } from '../run.ts';

const never = new AbortController().signal;

/** Returns the completions of the last word for kubectl: words without descriptions, and the directive. */
async function complete(
  ...words: readonly string[]
): Promise<{ words: readonly string[]; directive: string }> {
  const { code, stdout, stderr } = await run(words, {}, never, runKubectlCompletion);
  assert.deepEqual([code, stderr], [0, '']);
  const lines = stdout.trimEnd().split('\n');
  return {
    words: lines.slice(0, -1).map((line) => line.split('\t', 1)[0] ?? ''),
    directive: lines.at(-1) ?? '',
  };
}

suite('completions of kubectl meshtrust', () => {
  const none = ':4';
  const files = ':0';
  const table: readonly (readonly [line: readonly string[], words: readonly string[], directive: string])[] =
    [
      [['pro'], ['proxy-status'], none],
      [['guard', ''], ['release', 'help'], none],
      [['guard', 'release', '--tok'], ['--token-file'], none],
      [['proxy-status', '--state', 's'], ['synced', 'stale'], none],
      [['ps', '--state=s'], ['--state=synced', '--state=stale'], none],
      [['ps', '-o', ''], ['table', 'wide', 'json', 'yaml'], none],
      [['-n', 'ps', 'wa'], ['wait'], none],
      [['wait', '--names'], ['--namespace'], none],
      [['wait', '-n', ''], [], none],
      [['wait', '--kubeconfig', ''], [], files],
      [['wait', '--mesh', ''], [], none],
      [['validate', ''], [], files],
      [['completion', 'f'], ['fish'], none],
      [['no-such', '--no'], [], none],
      [['complete', ''], ['serve'], none],
    ];
  for (const [line, words, directive] of table) {
    test(`${line.join(' ')} is ${words.join(' or ') || (directive === files ? 'a file' : 'nothing')}`, async () => {
      const found = await complete(...line);
      if (line[0] === 'complete')
        assert.ok(found.words.includes('serve') && !found.words.includes('complete'));
      else assert.deepEqual(found, { words, directive });
    });
  }

  test('descriptions: printed after the word', async () => {
    const { stdout } = await run(['wai'], {}, never, runKubectlCompletion);
    assert.match(stdout, /^wait\twait until all proxies [^\t\n]+\n:4\n$/);
  });
});
