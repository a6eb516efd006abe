import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { Argument, Command, Option } from 'commander';
import { readCommand } from '../../../src/cli/completion/command-tree.ts';
import type { CommandNode } from '../../../src/cli/completion/command-tree.ts';
import { bashCompletion } from '../../../src/cli/completion/completion-bash.ts';
import { fishCompletion } from '../../../src/cli/completion/completion-fish.ts';
import { zshCompletion } from '../../../src/cli/completion/completion-zsh.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../run.ts';

const execute = promisify(execFile);
/** The version of bash; tests are skipped on a machine without it. */
const bash = await execute('bash', ['-c', 'echo $BASH_VERSION']).then(
  ({ stdout }) => stdout.trim(),
  () => undefined,
);
const skip = bash === undefined && (process.env['CI'] ?? '') === '' ? 'there is no bash on the PATH' : false;

/** Returns the line that bash splits into these words: also at = and : within a word. */
function lineOf(words: readonly string[]): string {
  return words.reduce((line, word, index) =>
    [word, words[index - 1]].some((one) => one === '=' || one === ':') ? line + word : `${line} ${word}`,
  );
}

/** Returns bash's completions of the last word, in the directory `cwd`. */
function completed(cwd: string, ...words: readonly string[]): Promise<readonly string[]> {
  return completedBy('meshtrust', cwd, ...words);
}

async function completedBy(
  program: string,
  cwd: string,
  ...words: readonly string[]
): Promise<readonly string[]> {
  const { stdout: script } = await run(['completion', 'bash']);
  const driver = `${script}
COMP_LINE=$1 COMP_POINT=\${#1}
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_meshtrust 2>/dev/null
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const args = ['--norc', '-c', driver, 'bash', lineOf([program, ...words]), program, ...words];
  const { stdout } = await execute('bash', args, { cwd });
  return stdout.split('\n').filter(Boolean).toSorted();
}

suite('completion bash, by a real bash,', { skip }, () => {
  const table: readonly (readonly [words: readonly string[], expected: readonly string[]])[] = [
    [['pro'], ['proxy-status']],
    [['--ver'], ['--version']],
    [['guard', 'r'], ['release']],
    [['guard', 'release', '--tok'], ['--token-file']],
    [
      ['proxy-status', '--state', 's'],
      ['stale', 'synced'],
    ],
    [
      ['ps', '--state', '=', 's'],
      ['stale', 'synced'],
    ],
    [
      ['ps', '--state', '='],
      ['disconnected', 'lost', 'pending', 'reconnecting', 'refused', 'stale', 'synced'],
    ],
    [
      ['ps', '-o', ''],
      ['json', 'table', 'wide', 'yaml'],
    ],
    [
      ['bundle', '--format', ''],
      ['json', 'pem', 'spiffe'],
    ],
    [
      ['completion', ''],
      ['--help', '-h', 'bash', 'fish', 'zsh'],
    ],
    [['wait', '--mesh', ''], []],
    [['wait', '--strict'], []],
    [
      ['validate', 'a'],
      ['a file.yaml', 'a-folder'],
    ],
    [['validate', '--distrust', 'a '], ['a file.yaml']],
    [['validate', '--str'], ['--strict']],
    [['worker'], []],
    [['nonsense', '--no'], []],
  ];
  for (const [words, expected] of table) {
    test(`completes: meshtrust ${words.join(' ')}`, async () => {
      await using dir = await makeTempDir();
      await mkdir(dir.join('a-folder'));
      await writeFile(dir.join('a file.yaml'), '');
      assert.deepEqual(await completed(dir.path, ...words), expected);
    });
  }

  const split: readonly (readonly [
    words: readonly string[],
    asked: string,
    names: string,
    expected: readonly string[],
  ])[] = [
    [
      ['ps', '--server', 'http', ':', '//a.test', ':', '1', '--mesh', ''],
      'ps --server http://a.test:1 --mesh ',
      'default\nedge',
      ['default', 'edge'],
    ],
    [
      ['bootstrap', '--server', '=', 'http', ':', '//a.test', ':', '1', '--secret', 'spiffe', ':', '//b'],
      'bootstrap --server=http://a.test:1 --secret spiffe://b',
      'spiffe://b.test',
      ['//b.test'],
    ],
    [['ps', '--server', 'http', ':', '//a.test', 'e'], 'ps --server http://a.test e', 'edge-1', ['edge-1']],
    [['ps', '--mesh', '=', 'd'], 'ps --mesh=d', '--mesh=default', ['default']],
    [
      ['bootstrap', '--secret', '=', 'spiffe', ':'],
      'bootstrap --secret=spiffe:',
      '--secret=spiffe://b.test',
      ['//b.test'],
    ],
  ];
  for (const [words, asked, names, expected] of split)
    test(`names of the server, and bash splits the line: meshtrust ${asked}`, async () => {
      await using dir = await makeTempDir();
      // In place of the program: it writes down what it is asked, and answers with the names.
      const program = `#!/bin/sh\nprintf '%s\\n' "$*" > asked\nprintf '%b\\n:4\\n' '${names}'\n`;
      await writeFile(dir.join('program'), program, { mode: 0o755 });
      assert.deepEqual(await completedBy('./program', dir.path, ...words), expected);
      assert.equal(await readFile(dir.join('asked'), 'utf8'), `complete -- ${asked}\n`);
    });

  test('a completion: leaves the variables of the shell unchanged', async () => {
    const { stdout } = await run(['completion', 'bash']);
    const script = `${stdout}
before=$(set | grep -v '^\\(_\\|BASH\\|COMP\\|PIPESTATUS\\|before\\|FUNCNAME\\)')
COMP_WORDS=(meshtrust ps -o '') COMP_CWORD=3 COMP_LINE='meshtrust ps -o ' COMP_POINT=16
_meshtrust 2>/dev/null
after=$(set | grep -v '^\\(_\\|BASH\\|COMP\\|PIPESTATUS\\|before\\|FUNCNAME\\)')
[[ $before == "$after" ]] && echo same`;
    assert.equal((await execute('bash', ['--norc', '-c', script])).stdout, 'same\n');
  });
});

/** A program whose names and descriptions need quoting in scripts. */
function sample(): CommandNode {
  const program = new Command('tool').description('t');
  program
    .command('go')
    .alias('g')
    .description('it\'s [a]: $test `x` \\ "y"')
    .addOption(new Option('-f, --file <file>', "somebody's (env: TOOL_FILE)"))
    .addOption(new Option('--kind <kind>').choices(['one', 'two']))
    .addOption(new Option('--loud'))
    .addArgument(new Argument('[path...]'));
  program.command('secret', { hidden: true });
  return readCommand(program);
}

suite('completion scripts', () => {
  test('command tree: read from the definitions, without hidden commands', () => {
    const { commands } = sample();
    assert.deepEqual(
      commands.map(({ name }) => name),
      ['go', 'help'],
    );
    const [go] = commands;
    assert.deepEqual(go?.aliases, ['g']);
    assert.deepEqual(go.operand, { kind: 'file' });
    assert.deepEqual(go.options, [
      { names: ['--file', '-f'], description: "somebody's", value: { kind: 'file' } },
      { names: ['--kind'], description: '', value: { kind: 'one-of', choices: ['one', 'two'] } },
      { names: ['--loud'], description: '', value: undefined },
      { names: ['--help', '-h'], description: 'display help for command', value: undefined },
    ]);
  });

  test('each shell: has every command and option', async () => {
    const scripts = await Promise.all(['bash', 'zsh', 'fish'].map((shell) => run(['completion', shell])));
    const { stdout: help } = await run(['wait', '--help']);
    const options = [...help.matchAll(/--(?<name>[a-z-]+)/g)].map((match) => match.groups?.['name'] ?? '');
    assert.ok(options.length > 5);
    for (const { code, stdout, stderr } of scripts) {
      assert.deepEqual([code, stderr], [0, '']);
      for (const name of ['serve', 'bundle', 'guard', 'release', ...options])
        assert.ok(stdout.includes(name), name);
      assert.doesNotMatch(stdout, /worker'|MESHTRUST_/);
    }
  });

  test('zsh: quotes descriptions', () => {
    const script = zshCompletion(sample());
    assert.ok(script.includes("'go:it'\\''s \\[a\\]\\: $test `x` \\\\ \"y\"'"), script);
    assert.ok(script.includes("'*--file=[somebody'\\''s]:file:_files'"), script);
    assert.ok(script.includes("'*--kind=[]:value:(one two)' \\"), script);
    assert.match(script, /^ {8}go\|g\) _tool_go ;;$/m);
    assert.match(script, /^#compdef tool\n/);
  });

  test('fish: quotes descriptions', () => {
    const script = fishCompletion(sample());
    const start = "complete -c tool -n 'not __fish_seen_subcommand_from go g help'";
    assert.ok(script.includes(`${start} -a 'g' -d 'it\\'s [a]: $test \`x\` \\\\ "y"'\n`), script);
    const go = "complete -c tool -n '__fish_seen_subcommand_from go g'";
    assert.ok(script.includes(`${go} -l file -s f -r -F -d 'somebody\\'s'\n`), script);
    assert.ok(script.includes(`${go} -l kind -x -a 'one two' -d ''\n`), script);
    assert.ok(script.includes(`${go} -F\n`), script);
  });

  test('bash: has no descriptions', () => {
    assert.doesNotMatch(bashCompletion(sample()), /somebody|\$test/);
  });
});

suite('completion', () => {
  test('unknown shell: exit 2', async () => {
    for (const args of [['completion'], ['completion', 'tcsh']]) {
      const { code, stdout, stderr } = await run(args);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, /shell/);
    }
  });
});
