import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { findPrometheus } from '../kit/find-prometheus.ts';
import { alerts, rulesFile } from './rules-file.ts';

const run = promisify(execFile);
const tests = fileURLToPath(new URL('../../deploy/observability/meshtrust.rules.test.yaml', import.meta.url));
const promtool = await findPrometheus('promtool');

describe('the alerts', { skip: promtool.kind === 'missing' && promtool.reason }, () => {
  const check = (...args: readonly string[]) => run(promtool.kind === 'found' ? promtool.path : '', args);

  it('are rules that Prometheus takes', async () => {
    const { stdout } = await check('check', 'rules', '--lint=all', '--lint-fatal', rulesFile);
    assert.match(stdout, /SUCCESS: \d\d rules found/);
  });

  it('fire where they should, and not elsewhere', async () => {
    assert.match((await check('test', 'rules', tests)).stdout, /SUCCESS/);
  });
});

describe('each alert', async () => {
  const unitTests = await readFile(tests, 'utf8');
  const runbook = await readFile(new URL('../../docs/alerts.md', import.meta.url), 'utf8');
  const sections = [...runbook.matchAll(/^## (.+)$/gm)].map(([, title = '']) => title);

  it('is there', () => assert.ok(alerts.length > 20));

  it('has a section of docs/alerts.md, and no section is of anything else', () => {
    assert.deepEqual(sections.toSorted(), [...new Set(alerts.map(({ alert }) => alert))].toSorted());
  });

  for (const { alert, labels, annotations } of alerts) {
    it(`${alert} (${labels.severity}) says what to do, how bad it is, and where there is more`, () => {
      assert.ok(['info', 'warning', 'critical'].includes(labels.severity));
      assert.ok(annotations.summary.length > 10 && annotations.summary.length < 120);
      assert.ok(annotations.description.length > 50);
      assert.equal(annotations.runbook, `docs/alerts.md#${alert.toLowerCase()}`);
    });

    it(`${alert} has a unit test in which it fires`, () => {
      const fires = new RegExp(
        `ALERTS\\{alertname=~?"[^"]*\\b${alert}\\b[^"]*",alertstate="firing"\\}\\)?\\n\\s+eval_time: \\S+\\n\\s+exp_samples:\\n`,
      );
      assert.match(unitTests, fires);
    });
  }
});
