import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { findTool } from '../../kit/find-tool.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { alerts, ruleGroups, rulesFile } from './rules-file.ts';
import type { Alert } from './rules-file.ts';

const run = promisify(execFile);
const tests = fileURLToPath(
  new URL('../../../deploy/observability/meshtrust.rules.test.yaml', import.meta.url),
);
const promtool = await findTool('promtool', { onPath: 'promtool' });
const names = new Set(alerts.map(({ alert }) => alert));
const check = (...args: readonly string[]) => run(promtool.kind === 'found' ? promtool.path : '', args);

/** Returns the alerts for which the rule tests fail when every alert has another expression. */
async function foundOut(replace: (alert: Alert) => Alert): Promise<readonly string[]> {
  await using dir = await makeTempDir();
  const groups = ruleGroups.map(({ name, rules }) => ({
    name,
    rules: rules.map((rule) => ('alert' in rule ? replace(rule) : rule)),
  }));
  // JSON is YAML.
  await writeFile(dir.join('meshtrust.rules.yaml'), JSON.stringify({ groups }));
  await copyFile(tests, dir.join('tests.yaml'));
  const { stderr, stdout } = await check('test', 'rules', dir.join('tests.yaml')).catch(
    (error: unknown) => error as { readonly stderr: string; readonly stdout: string },
  );
  const faults = `${stdout}${stderr}`.split('\n').filter((line) => /^\s+expr: /.test(line));
  return [...names].filter((name) => faults.some((line) => new RegExp(`\\b${name}\\b`).test(line)));
}

suite('the alerts', { skip: promtool.kind === 'missing' && promtool.reason }, () => {
  test('all rules: are valid for Prometheus', async () => {
    const { stdout } = await check('check', 'rules', '--lint=all', '--lint-fatal', rulesFile);
    assert.match(stdout, /SUCCESS: \d\d rules found/);
  });

  test('cases of the rule tests: the rules fire in these only', async () => {
    assert.match((await check('test', 'rules', tests)).stdout, /SUCCESS/);
  });

  test('one alert never fires: the rule tests fail', async () => {
    const never = (alert: Alert): Alert => ({ ...alert, expr: `(${alert.expr}) and on () vector(0) == 1` });
    assert.deepEqual(await foundOut(never), [...names]);
  });

  test('one alert fires at once: the rule tests fail', async () => {
    const waiting = alerts.filter((alert) => alert.for !== undefined);
    const atOnce = (alert: Alert): Alert => ({ ...alert, for: '0s' });
    assert.deepEqual(await foundOut(atOnce), [...new Set(waiting.map(({ alert }) => alert))]);
  });
});

suite('each alert', async () => {
  const runbook = await readFile(new URL('../../../docs/alerts.md', import.meta.url), 'utf8');
  const sections = [...runbook.matchAll(/^## (.+)$/gm)].map(([, title = '']) => title);

  test('list: is not empty', () => assert.ok(alerts.length > 20));

  test('docs/alerts.md: has a section for each alert, and no other section', () => {
    assert.deepEqual(sections.toSorted(), [...new Set(alerts.map(({ alert }) => alert))].toSorted());
  });

  for (const { alert, labels, annotations } of alerts) {
    test(`${alert} (${labels.severity}): has a severity, a summary, a description and a runbook`, () => {
      assert.ok(['info', 'warning', 'critical'].includes(labels.severity));
      assert.ok(annotations.summary.length > 10 && annotations.summary.length < 120);
      assert.ok(annotations.description.length > 50);
      assert.equal(annotations.runbook, `docs/alerts.md#${alert.toLowerCase()}`);
    });
  }
});
