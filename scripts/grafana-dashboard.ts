/**
 * Writes deploy/observability/grafana-dashboard.json: `node scripts/grafana-dashboard.ts`. A test compares the file
 * with this output. The panels are in `dashboard-panels.ts`.
 */
import { writeFile } from 'node:fs/promises';
import { rows } from './dashboard-panels.ts';
import type { Panel } from './dashboard-panels.ts';

/** The file that Grafana imports. */
export const dashboardFile: URL = new URL('../deploy/observability/grafana-dashboard.json', import.meta.url);

const datasource = { type: 'prometheus', uid: '${datasource}' };
const height = { stat: 5, timeseries: 8, table: 8 } as const;
const columns = 24;

/**
 * Returns the dashboard as Grafana's JSON model.
 * https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
 */
export function dashboard(): string {
  const placed: unknown[] = [];
  let [id, y] = [0, 0];
  for (const row of rows) {
    placed.push({
      id: (id += 1),
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: columns, h: 1 },
      panels: [],
    });
    y += 1;
    let [x, lineHeight] = [0, 0];
    for (const panel of row.panels) {
      if (x + panel.width > columns) [x, y, lineHeight] = [0, y + lineHeight, 0];
      const gridPos = { x, y, w: panel.width, h: height[panel.type] };
      placed.push({ id: (id += 1), ...drawn(panel), gridPos });
      x += panel.width;
      lineHeight = Math.max(lineHeight, height[panel.type]);
    }
    y += lineHeight;
  }
  const model = {
    uid: 'meshtrust',
    title: 'meshtrust',
    description: 'The served trust, its expiry, and the proxies that have it.',
    tags: ['meshtrust', 'envoy', 'spiffe'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        variable('job', 'Job', 'label_values(meshtrust_build_info, job)'),
        variable('mesh', 'Mesh', 'label_values(meshtrust_bundle_info{job=~"$job"}, mesh)'),
      ],
    },
    annotations: { list: [] },
    panels: placed,
  };
  return `${JSON.stringify(model, undefined, 2)}\n`;
}

function variable(name: string, label: string, query: string): unknown {
  return {
    name,
    label,
    type: 'query',
    datasource,
    query: { query, refId: name },
    definition: query,
    includeAll: true,
    allValue: '.*',
    multi: true,
    current: { text: 'All', value: '$__all' },
    refresh: 2,
    sort: 1,
  };
}

function drawn({ title, description, type, unit, queries, thresholds = {} }: Panel): object {
  const { yellow, red } = thresholds;
  const steps = [
    { color: 'green', value: null },
    ...(yellow === undefined ? [] : [{ color: 'yellow', value: yellow }]),
    ...(red === undefined ? [] : [{ color: 'red', value: red }]),
  ];
  const isTable = type === 'table';
  return {
    type,
    title,
    description,
    datasource,
    targets: queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCodePoint('A'.codePointAt(0)! + index),
      datasource,
      expr,
      legendFormat,
      ...(isTable ? { format: 'table', instant: true } : {}),
    })),
    fieldConfig: { defaults: { unit, thresholds: { mode: 'absolute', steps } }, overrides: [] },
    options: options[type],
    ...(isTable ? { transformations: [{ id: 'organize', options: { excludeByName: { Time: true } } }] } : {}),
  };
}

const options = {
  stat: { colorMode: 'value', reduceOptions: { calcs: ['lastNotNull'], values: false } },
  timeseries: {
    legend: { displayMode: 'list', placement: 'bottom' },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
  table: { showHeader: true },
} as const;

if (import.meta.main) await writeFile(dashboardFile, dashboard());
