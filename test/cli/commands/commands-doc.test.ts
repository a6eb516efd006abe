import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { checkCatalogue } from '../../../src/cli/ask/check-catalogue.ts';
import { streamOf } from '../../fleet/scene.ts';
import { run } from '../run.ts';
import { wholeServer } from '../whole-server.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string): Promise<string> => readFile(new URL(path, root), 'utf8');
const text = await read('docs/commands.md');
const sections = new Map(
  text
    .split(/^(?=## )/m)
    .slice(1)
    .map((section) => [section.split('\n', 1)[0]?.slice('## '.length) ?? '', section]),
);
/** Returns the output after `$ command` in the examples of a section. */
function exampleOf(section: string, command: string): string {
  const example = sections.get(section)?.split(`\n$ ${command}\n`)[1];
  assert.ok(example !== undefined, `${section} has no example of ${command}`);
  return example.split(/^(?:```$|\$ )/m)[0] ?? '';
}

suite('docs/commands.md', () => {
  test('each command: has a section, in the order of the help', async () => {
    const { stdout } = await run(['--help']);
    const [, list = ''] = stdout.split('\nServe:\n');
    const commands = [...list.matchAll(/^ {2}(?<name>[a-z-]+)/gm)].map((match) => match.groups?.['name']);
    assert.deepEqual(
      [...sections.keys()],
      [...commands.filter((name) => name !== 'help'), 'kubectl meshtrust'],
    );
  });

  test('commands about the examples: print what the page shows', async () => {
    for (const command of ['validate', 'bundle']) {
      const { stdout, stderr } = await run([command, 'examples/trust']);
      const talk = command === 'validate' ? stderr : '';
      assert.equal(exampleOf(command, `meshtrust ${command} examples/trust`), `${stdout}${talk}`);
    }
  });

  test('diff of a server with one of the examples: prints what the page shows', async () => {
    await using server = await wholeServer([]);
    const name = 'examples/trust/example-org-trust.yaml';
    server.deliver({ kind: 'content', path: name, text: await read(name), settled: true });
    for (const proxy of [streamOf(1), streamOf(2), streamOf(3)]) {
      server.proxies.asks(proxy);
      server.proxies.sent(proxy, 'v1');
    }
    const { stdout, stderr } = await run(['diff', 'examples/trust', `--server=${server.url}`]);
    assert.equal(exampleOf('diff', 'meshtrust diff examples/trust'), `${stdout}${stderr}`);
  });

  test('check: prints the checks that the page shows', () => {
    const lines = exampleOf('check', 'meshtrust check')
      .split('\n')
      .filter((line) => line.startsWith('['))
      .map((line) => line.replace(/^\[\w+\] +/, ''));
    const claims = Object.values(checkCatalogue).map(({ group, claim }) => `${group}: ${claim}`);
    assert.deepEqual(lines, claims.slice(0, -1), 'all but those of replicas');
  });

  test('each flag on the page: is a flag of the program', async () => {
    const flagsPage = await read('docs/flags.md');
    const plugin: readonly string[] =
      (await read('src/cli/kubectl/kubectl-arguments.ts')).match(/--[a-z-]+/g) ?? [];
    const flags = new Set(text.match(/(?<=[`\s(])--[a-z][a-z-]+/g));
    assert.ok(flags.size > 10);
    for (const flag of flags) {
      // Flags of Envoy, in the example that validates a bootstrap.
      if (['--mode', '--config-path'].includes(flag)) continue;
      assert.ok(
        flagsPage.includes(`${flag} <`) || flagsPage.includes(`${flag}\``) || plugin.includes(flag),
        flag,
      );
    }
  });
});
