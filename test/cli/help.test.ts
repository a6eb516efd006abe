import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { commandTable } from '../../src/cli/command-table.ts';
import { flagGroups, serveFlags } from '../../src/cli/flags/flag-groups.ts';
import { describeFlags, flag } from '../../src/cli/flags/flags.ts';
import { describeOption } from '../../src/cli/program.ts';
import { run } from './run.ts';

const visible = commandTable.filter(({ group }) => group !== undefined);
/** Returns the help of a command as one line. */
async function helpOf(name: string): Promise<string> {
  const { code, stdout, stderr } = await run([...name.split(' '), '--help']);
  assert.deepEqual([code, stderr], [0, '']);
  return stdout.replace(/\s+/g, ' ');
}

suite('help', () => {
  test('each flag: is in one group', () => {
    const grouped = flagGroups.flatMap(([, flags]) => flags);
    assert.deepEqual(
      grouped.toSorted(),
      describeFlags()
        .map(({ name }) => name)
        .toSorted(),
    );
  });

  test('serve: lists its flags by topic', async () => {
    const { stdout } = await run(['serve', '--help']);
    const headings = [...stdout.matchAll(/^(?<title>[A-Z][^:\n]*):$/gm)].map(
      ({ groups }) => groups?.['title'],
    );
    assert.deepEqual(headings, [
      'Arguments',
      'Sources',
      'Trust',
      'Identities',
      'Federation',
      'Trust of other zones',
      'Proxies',
      'Admin API and page',
      'Status in the cluster',
      'Admission webhook',
      'Bundle endpoint',
      'Log and metrics',
      'Limits for MeshTrusts',
      'Limits for proxies',
      'Options',
      'Examples',
    ]);
    for (const name of serveFlags) assert.ok(stdout.includes(String(flag(name).long)), name);
  });

  for (const { name, examples, flags } of visible) {
    test(`${name}: has examples with its own flags, and the address of its documentation`, async () => {
      const help = await helpOf(name);
      assert.ok(examples.length > 0);
      for (const [line, purpose] of examples) {
        assert.ok(help.includes(`# ${purpose} $ meshtrust ${line}`), line);
        assert.ok(`${line} `.startsWith(`${name} `) || line.startsWith('ps '), line);
        const known = flags.map((each) => flag(each)).flatMap(({ long, short }) => [long, short]);
        for (const used of line.match(/(?<= )--?[a-z][a-z-]*/g) ?? []) assert.ok(known.includes(used), used);
      }
      assert.match(help, new RegExp(`Documentation: \\S*docs/commands\\.md#${name.split(' ')[0]} $`));
    });
  }

  test('each command in the help of the program, also a group of commands: has an example', async () => {
    const { stdout } = await run(['help']);
    const listed = [...stdout.matchAll(/^ {2}([a-z][a-z-]*)(?:, [a-z]+)? {2}/gm)].map(
      ([, name = '']) => name,
    );
    assert.ok(listed.includes('guard') && listed.length > 14, listed.join());
    for (const name of listed.filter((one) => one !== 'help'))
      assert.match(await helpOf(name), / Examples?: # .* \$ meshtrust .* Documentation: /, name);
  });

  for (const { name } of describeFlags()) {
    test(`${name}: its help names each choice, and its default once`, () => {
      const option = flag(name);
      const text = describeOption(option);
      const [before = '', ...after] = text.split(/default: /);
      for (const choice of option.argChoices ?? []) assert.ok(before.split(/[^\w-]/).includes(choice), text);
      assert.ok(after.length <= 1, text);
      const { defaultValueDescription: fallback } = option;
      if (fallback !== undefined) assert.ok(after[0]?.startsWith(fallback), text);
    });
  }

  test('help of a command: does not list choices a second time', async () => {
    for (const { name } of visible) assert.doesNotMatch(await helpOf(name), /choices:/);
  });

  test('-o: the help and the error name the same formats', async () => {
    for (const { name, flags } of visible.filter((one) => one.flags.includes('output'))) {
      assert.ok(flags.length > 0);
      const [, text = ''] = /output format: ([\w, ]+) \(/.exec(await helpOf(name)) ?? [];
      const { code, stderr } = await run([
        ...name.split(' '),
        ...(/validate|diff/.test(name) ? ['x'] : []),
        '-o',
        'xml',
      ]);
      const [, allowed = ''] = /Allowed choices are ([\w, ]+)\./.exec(stderr) ?? [];
      assert.equal(code, 2);
      assert.deepEqual(text.split(/, | or /), allowed.split(', '), name);
      assert.notEqual(allowed, '');
    }
  });
});
