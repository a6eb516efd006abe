import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';

import { rows } from '../../../scripts/dashboard-panels.ts';
import { dashboard, dashboardFile } from '../../../scripts/grafana-dashboard.ts';
import { findTool } from '../../kit/find-tool.ts';
import { poll } from '../../kit/poll.ts';
import { startPrometheus } from '../../kit/prometheus.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { startBusyServer } from './busy-server.ts';
import { filledIn, metricNames, selectedNames } from './queries.ts';
import { ruleExpressions, rulesFile } from './rules-file.ts';

const run = promisify(execFile);
const panels = rows.flatMap((row) => row.panels);
const panelQueries = panels.flatMap(({ title, queries }) =>
  queries.map(([expr]) => ({ title, expr: filledIn(expr) })),
);
const expressions = [...ruleExpressions, ...panelQueries.map(({ expr }) => expr)];

suite('dashboard', () => {
  test('file: equals the output of the script', async () => {
    assert.equal(await readFile(dashboardFile, 'utf8'), dashboard(), 'run node scripts/grafana-dashboard.ts');
  });

  test('rows: are complete; each panel has a description', () => {
    const titles = [
      'Trust',
      'Expiry',
      'Roll-outs',
      'Proxies',
      'xDS engine',
      'Sources',
      'Bundle endpoint',
      'Federation',
      'Process',
    ];
    assert.deepEqual(
      rows.map(({ title }) => title),
      titles,
    );
    assert.ok(panels.length > 25);
    for (const { title, description, queries } of panels) {
      assert.ok(description.length > 8 && queries.length > 0, title);
    }
  });

  test('variables: data source, job and mesh; every query uses them', () => {
    const model = JSON.parse(dashboard()) as {
      readonly templating: { readonly list: readonly { readonly name: string }[] };
      readonly panels: readonly { readonly targets?: readonly { readonly datasource: { uid: string } }[] }[];
    };
    assert.deepEqual(
      model.templating.list.map(({ name }) => name),
      ['datasource', 'job', 'mesh'],
    );
    const targets = model.panels.flatMap((panel) => panel.targets ?? []);
    assert.equal(targets.length, panelQueries.length);
    for (const { datasource } of targets) assert.equal(datasource.uid, '${datasource}');
    for (const { title, queries } of panels)
      for (const [expr] of queries) assert.match(expr, /job=~"\$job"/, title);
  });

  test('panels: do not overlap', () => {
    const { panels: placed } = JSON.parse(dashboard()) as {
      readonly panels: readonly { readonly gridPos: Record<'x' | 'y' | 'w' | 'h', number> }[];
    };
    const taken = new Set<string>();
    for (const { gridPos } of placed) {
      assert.ok(gridPos.x + gridPos.w <= 24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          assert.ok(!taken.has(`${x} ${y}`), `${x} ${y} is taken twice`);
          taken.add(`${x} ${y}`);
        }
    }
  });
});

suite('metrics in rules and dashboard', async () => {
  await using busy = await startBusyServer();
  const { body } = await busy.server.admin('/metrics');
  const types = new Map(
    [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type]) => [name, type]),
  );
  const isExposed = (name: string): boolean =>
    types.has(name) || types.get(name.replace(/_(?:bucket|sum|count)$/, '')) === 'histogram';

  test('each: is exposed by a running server', () => {
    const names = new Set(expressions.flatMap(metricNames));
    assert.ok(names.size > 45, String(names.size));
    assert.deepEqual(
      [...names].filter((name) => !isExposed(name)),
      [],
    );
  });

  test('series names: all are known metrics', () => {
    const selected = new Set(expressions.flatMap(selectedNames));
    assert.ok(selected.size > 40);
    assert.deepEqual(
      [...selected].filter((name) => !isExposed(name)),
      [],
    );
  });

  test('each expression: has at least one metric', () => {
    for (const expr of expressions)
      assert.ok(metricNames(expr).length > 0 || expr.includes('meshtrust:'), expr);
  });
});

const promtool = await findTool('promtool', { onPath: 'promtool' });
const prometheus = await findTool('prometheus', { onPath: 'prometheus' });

suite('the queries of the dashboard', { skip: promtool.kind === 'missing' && promtool.reason }, () => {
  test('each: is valid PromQL', async () => {
    await using dir = await makeTempDir();
    const rules = panelQueries.map(({ expr }, index) => ({ record: `panel:${index}`, expr }));
    await writeFile(dir.join('rules.json'), JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    const path = promtool.kind === 'found' ? promtool.path : '';
    const { stdout } = await run(path, ['check', 'rules', dir.join('rules.json')]);
    assert.match(stdout, new RegExp(`SUCCESS: ${rules.length} rules found`));
  });
});

/** Nothing here happens without a cluster. */
const inClusters = /kubernetes_writes_total/;

suite('a Prometheus', { skip: prometheus.kind === 'missing' && prometheus.reason }, () => {
  test('running server: every panel has data, and every rule is evaluated', async () => {
    await using busy = await startBusyServer();
    const path = prometheus.kind === 'found' ? prometheus.path : '';
    const target = `127.0.0.1:${busy.server.adminPort}`;
    await using server = await startPrometheus(path, { target, rulesFile });
    await poll('the first scrape', async () =>
      (await server.count('meshtrust_xds_convergence_seconds_count')) > 0 ? true : undefined,
    );
    await busy.happen();

    const [never, shown] = [
      panelQueries.filter(({ expr }) => inClusters.test(expr)),
      panelQueries.filter(({ expr }) => !inClusters.test(expr)),
    ];
    assert.equal(never.length, 1);
    for (const { title, expr } of shown) {
      await poll(`${title}: ${expr}`, async () => ((await server.count(expr)) > 0 ? true : undefined));
    }
    for (const { title, expr } of never) assert.equal(await server.count(expr), 0, title);

    const rules = await poll('all rules to be evaluated', async () => {
      const all = await server.rules();
      return all.every(({ health }) => health !== 'unknown') ? all : undefined;
    });
    assert.equal(rules.length, ruleExpressions.length);
    assert.deepEqual(
      rules.filter(({ health }) => health !== 'ok'),
      [],
    );
  });
});
