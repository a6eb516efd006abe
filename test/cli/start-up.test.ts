import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { run } from './run.ts';
import { version } from '../../src/cli/terminal/version.ts';

const execute = promisify(execFile);
const entry = fileURLToPath(new URL('../../bin/meshtrust.js', import.meta.url));

/** Prints the URL of each module that is loaded. */
const printing = `import { registerHooks } from 'node:module';
import { writeSync } from 'node:fs';
registerHooks({ load: (url, context, next) => { writeSync(2, 'loaded ' + url + '\\n'); return next(url, context); } });`;

/** Returns the modules that a command line loads: paths in \`src\`, and names of packages. */
async function loadedBy(...args: readonly string[]): Promise<{ modules: readonly string[]; stdout: string }> {
  const hook = `data:text/javascript,${encodeURIComponent(printing)}`;
  const { stdout, stderr } = await execute(process.execPath, ['--import', hook, entry, ...args]);
  const modules = [
    ...stderr.matchAll(
      /^loaded file:.*?\/(?:(?<file>src\/.+)|node_modules\/(?<name>(?:@[^/]+\/)?[^/]+)\/.+)$/gm,
    ),
  ];
  return {
    stdout,
    modules: [...new Set(modules.map(({ groups }) => groups?.['file'] ?? groups?.['name'] ?? ''))],
  };
}

suite('start-up', () => {
  test('--version: loads no package, and no definition of a command', async () => {
    const { modules, stdout } = await loadedBy('--version');
    assert.equal(stdout, `${version}\n`);
    assert.ok(modules.includes('src/main.ts'));
    assert.deepEqual(
      modules.filter((name) => !/^src\/(?:main\.ts|text\/|cli\/terminal\/)/.test(name)),
      [],
    );
  });

  test('version: prints the same as --version', async () => {
    assert.equal((await run(['version'])).stdout, `${version}\n`);
  });

  const quick = [['--help'], ['serve', '--help'], ['completion', 'bash']];
  for (const args of quick) {
    test(`${args.join(' ')}: loads commander as the only package, and no command that does not run`, async () => {
      const { modules, stdout } = await loadedBy(...args);
      assert.notEqual(stdout, '');
      assert.ok(modules.includes('src/cli/program.ts'), modules.join('\n'));
      assert.deepEqual(
        modules.filter((name) => !name.startsWith('src/')),
        ['commander'],
      );
      const commands = modules.filter((name) => /src\/cli\/commands\/.*-command\.ts/.test(name));
      assert.deepEqual(commands, args[0] === 'completion' ? ['src/cli/commands/completion-command.ts'] : []);
      assert.ok(modules.length < 36, modules.join('\n'));
    });
  }

  test('validate: loads no server', async () => {
    const { modules } = await loadedBy(
      'validate',
      fileURLToPath(new URL('../../examples/trust', import.meta.url)),
    );
    const heavy = modules.filter((name) =>
      /^@|^pino|^prom-client|^src\/(?:app|frontend|admin|fleet\/track)/.test(name),
    );
    assert.deepEqual(heavy, []);
  });
});
