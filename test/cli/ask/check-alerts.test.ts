import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { load } from 'js-yaml';
import { checkedElsewhere } from '../../../src/cli/ask/check-server.ts';
import { catalogue } from '../../../src/trust/findings/catalogue.ts';

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert?: string; readonly expr: string }[];
  }[];
}

const file = new URL('../../../deploy/observability/meshtrust.rules.yaml', import.meta.url);
const rules = (load(await readFile(file, 'utf8')) as Rules).groups.flatMap((group) => group.rules);
const lintErrors = rules.find(({ alert }) => alert === 'MeshtrustLintErrors')?.expr ?? '';
const excluded = /code!~"(?<codes>[^"]+)"/.exec(lintErrors)?.groups?.['codes']?.split('|') ?? [];

suite('findings that check and the alerts report in another place', () => {
  test('each code that another check reports: is excluded from the alert MeshtrustLintErrors, or is never an error', () => {
    assert.ok(excluded.length > 0);
    // A CA that expires within 7 days is a warning.
    const missing = [...checkedElsewhere].filter((code) => !excluded.includes(code) && code !== 'MT023');
    assert.deepEqual(missing, []);
    assert.equal(catalogue.MT023.severity, 'warning');
  });

  test('each excluded code: exists', () => {
    for (const code of excluded) assert.ok(Object.hasOwn(catalogue, code), code);
  });
});
