import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { flagsPage } from '../../../scripts/flag-table.ts';
import { describeFlags } from '../../../src/cli/flags/flags.ts';
import { run } from '../run.ts';
import {
  appendRules,
  parseDuration,
  parseNames,
  parseNamespace,
  parseObjectName,
  parseZones,
} from '../../../src/cli/flags/parse-values.ts';

suite('the flags', () => {
  test('docs/flags.md: has the flags of the program', async () => {
    const page = await readFile(new URL('../../../docs/flags.md', import.meta.url), 'utf8');
    assert.equal(page, flagsPage(), 'run: node scripts/flag-table.ts');
  });

  test('each flag: has a variable of its own', () => {
    const variables = describeFlags().flatMap(({ variable }) => variable ?? []);
    assert.equal(new Set(variables).size, variables.length);
    for (const variable of variables) assert.match(variable, /^MESHTRUST_[A-Z_]+$/);
  });

  const durations: Readonly<Record<string, number>> = {
    '0': 0,
    '0s': 0,
    '500ms': 500,
    '30s': 30_000,
    '2m': 120_000,
    '1h': 3_600_000,
  };
  for (const [text, expected] of Object.entries(durations)) {
    test(`duration ${text}: is read`, () => assert.equal(parseDuration(text), expected));
  }
  for (const text of ['', '30', '-1s', '1.5s', 's', '1d', '1 s']) {
    test(`duration ${JSON.stringify(text)}: is refused`, () =>
      assert.throws(() => parseDuration(text), /Give a duration/));
  }

  for (const text of ['a', 'kuma-system', '1', 'x'.repeat(63)])
    test(`namespace ${text}: is read`, () => assert.equal(parseNamespace(text), text));
  for (const text of ['', ' ', 'a/b', 'A', 'a.b', '-a', 'a-', '..', 'x'.repeat(64)])
    test(`namespace ${JSON.stringify(text)}: is refused`, () =>
      assert.throws(() => parseNamespace(text), /Give the name of a namespace/));

  for (const text of ['a', 'meshtrust', 'meshtrust.kuma-system', 'x'.repeat(244)])
    test(`object ${text}: is read`, () => assert.equal(parseObjectName(text), text));
  for (const text of ['', 'a/b', 'A', 'a..b', '.a', 'a-.b', 'x'.repeat(245), `${'a-'.repeat(120)}!`])
    test(`object ${JSON.stringify(text)}: is refused`, () =>
      assert.throws(() => parseObjectName(text), /Give the name of an object/));

  test('a Secret named twice, in one value or in two: is read once', () => {
    const [a, b] = ['ca', 'root'].map((name) => ({ namespace: 'kuma-system', name }));
    assert.deepEqual(parseNames('kuma-system/ca,kuma-system/root, kuma-system/ca'), [a, b]);
    assert.deepEqual(parseNames('kuma-system/root,kuma-system/ca', [a]), [a, b]);
  });

  test('a zone or a published trust domain named twice: counts once', () => {
    assert.deepEqual(parseZones('east,west, east'), ['east', 'west']);
    const once = appendRules('default/a.test', undefined);
    assert.deepEqual(appendRules('default/a.test default/a.test', once), once);
  });

  for (const name of ['--kube-namespace', '--kube-lease-namespace', '--import-namespace', '--kube-lease'])
    test(`${name} without a value, as from an unset variable of a shell: usage error`, async () => {
      const { code, stderr } = await run(['serve', '--kubernetes', '--xds-listen=127.0.0.1:0', `${name}=`]);
      assert.equal(code, 2);
      assert.match(stderr, /Give the name of/);
    });
});
