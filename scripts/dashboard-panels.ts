/** What the dashboard shows, row by row. `scripts/grafana-dashboard.ts` makes the file of it. */

/** One query of a panel; the legend is Grafana's, with labels in braces. */
export type Query = readonly [expr: string, legend: string];

export interface Panel {
  readonly title: string;
  readonly description: string;
  /** `stat`: the newest value; `table`: one line for each series, by its labels. */
  readonly type: 'stat' | 'timeseries' | 'table';
  /** A unit of Grafana: `short`, `s`, `bytes`, `percentunit`, `ops`. */
  readonly unit: string;
  /** Of 24 columns. */
  readonly width: number;
  readonly queries: readonly Query[];
  /** Values from which on a number is yellow, and red. Default: never. */
  readonly thresholds?: { readonly yellow?: number; readonly red?: number };
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** What is chosen at the top of the page. */
const of = 'job=~"$job"';
const ofMesh = 'job=~"$job",mesh=~"$mesh"';
/** The program alone, of all that has metrics of Node.js. */
const ours = `* on (job, instance) group_left () max by (job, instance) (meshtrust_build_info{${of}})`;

function quantile(part: number, metric: string, by: string, selector: string): string {
  const labels = ['le', by].filter((label) => label !== '').join(', ');
  return `histogram_quantile(${part}, sum by (${labels}) (rate(${metric}_bucket{${selector}}[$__rate_interval])))`;
}

function quantiles(metric: string, by: string, selector: string): readonly Query[] {
  return [0.5, 0.99].map((part): Query => [
    quantile(part, metric, by, selector),
    `p${part * 100}${by === '' ? '' : ` {{${by}}}`}`,
  ]);
}

function rate(metric: string, by: string, selector: string, legend: string): Query {
  return [`sum by (${by}) (rate(${metric}{${selector}}[$__rate_interval]))`, legend];
}

export const rows: readonly Row[] = [
  {
    title: 'Trust',
    panels: [
      {
        title: 'Trust domains',
        description: 'Trust domains that are listed for the mesh.',
        type: 'stat',
        unit: 'short',
        width: 4,
        queries: [
          [
            `count by (mesh) (max by (mesh, trust_domain) (meshtrust_certificates{${ofMesh},state="valid"}))`,
            '{{mesh}}',
          ],
        ],
      },
      {
        title: 'Meshes that trust nobody',
        description: 'Meshes whose proxies were told to refuse every client.',
        type: 'stat',
        unit: 'short',
        width: 4,
        queries: [[`sum(max by (mesh) (meshtrust_bundle_empty{${ofMesh}}))`, '']],
        thresholds: { red: 1 },
      },
      {
        title: 'Held by the guard',
        description: 'Trust domains that were lost together and are served on for --guard-hold.',
        type: 'stat',
        unit: 'short',
        width: 4,
        queries: [[`sum(max by (mesh) (meshtrust_guard_tripped{${ofMesh}}))`, '']],
        thresholds: { red: 1 },
      },
      {
        title: 'Findings',
        description: 'Errors and warnings about the input; docs/findings.md has the codes.',
        type: 'stat',
        unit: 'short',
        width: 4,
        queries: [
          [
            `sum by (severity) (max by (code, severity) (meshtrust_lint_findings{${of},severity=~"error|warning"}))`,
            '{{severity}}',
          ],
        ],
        thresholds: { yellow: 1 },
      },
      {
        title: 'Versions',
        description: 'Replicas by the version that they serve. More than one version for long is a fault.',
        type: 'table',
        unit: 'short',
        width: 8,
        queries: [[`count by (mesh, version) (meshtrust_bundle_info{${ofMesh}})`, '']],
      },
      {
        title: 'Certificates by their dates',
        description: 'Certificates that are served; what is expired or not yet valid lets nobody in.',
        type: 'timeseries',
        unit: 'short',
        width: 8,
        queries: [
          [
            `sum by (mesh, state) (max by (mesh, trust_domain, state) (meshtrust_certificates{${ofMesh}}))`,
            '{{mesh}} {{state}}',
          ],
        ],
      },
      {
        title: 'Size of the whole bundle',
        description: 'Of the secret of all trust domains. google_grpc takes 4 MiB.',
        type: 'timeseries',
        unit: 'bytes',
        width: 8,
        queries: [[`max by (mesh) (meshtrust_bundle_bytes{${ofMesh}})`, '{{mesh}}']],
        thresholds: { yellow: 1_048_576, red: 4_194_304 },
      },
      {
        title: 'Findings by code',
        description: 'What is wrong with the input; docs/findings.md has the codes.',
        type: 'timeseries',
        unit: 'short',
        width: 8,
        queries: [
          [
            `max by (code, severity) (meshtrust_lint_findings{${of},severity!="info"}) > 0`,
            '{{code}} {{severity}}',
          ],
        ],
      },
    ],
  },
  {
    title: 'Expiry',
    panels: [
      {
        title: 'Time left of each CA',
        description: 'Empty with --no-ca-metrics; the panel beside it is always there.',
        type: 'table',
        unit: 's',
        width: 14,
        queries: [
          [
            `sort(min by (mesh, trust_domain, subject, fingerprint) (meshtrust_ca_not_after_timestamp_seconds{${ofMesh}}) - time())`,
            '',
          ],
        ],
      },
      {
        title: 'First end in each trust domain',
        description: 'Time until the certificate of the trust domain that expires first does so.',
        type: 'timeseries',
        unit: 's',
        width: 10,
        queries: [
          [
            `min by (mesh, trust_domain) (meshtrust_bundle_earliest_expiry_timestamp_seconds{${ofMesh}}) - time()`,
            '{{mesh}} {{trust_domain}}',
          ],
        ],
      },
    ],
  },
  {
    title: 'Roll-outs',
    panels: [
      {
        title: 'Proxies with the present trust',
        description: 'Of those that are connected.',
        type: 'stat',
        unit: 'percentunit',
        width: 6,
        queries: [
          [
            `sum by (mesh) (meshtrust_xds_proxies{${ofMesh},state="synced"}) / (sum by (mesh) (meshtrust_xds_proxies{${ofMesh}}) > 0)`,
            '{{mesh}}',
          ],
        ],
      },
      {
        title: 'From a change to the acknowledgement',
        description: 'Of each proxy, for each change: the whole way.',
        type: 'timeseries',
        unit: 's',
        width: 9,
        queries: quantiles('meshtrust_xds_convergence_seconds', 'mesh', ofMesh),
        thresholds: { red: 3 },
      },
      {
        title: 'Where the time goes',
        description:
          '99th percentiles: until a change is built and the build alone, until each stream is handed it, and until all are.',
        type: 'timeseries',
        unit: 's',
        width: 9,
        queries: (['build', 'xds_debounce', 'xds_queue', 'xds_push'] as const).map((part): Query => [
          quantile(0.99, `meshtrust_${part}_seconds`, '', of),
          part.replace('xds_', ''),
        ]),
      },
    ],
  },
  {
    title: 'Proxies',
    panels: [
      {
        title: 'Proxies by state',
        description:
          'Proxies by how they stand to what is served; those that are reconnecting or lost have no connection.',
        type: 'timeseries',
        unit: 'short',
        width: 8,
        queries: [[`sum by (mesh, state) (meshtrust_xds_proxies{${ofMesh}})`, '{{mesh}} {{state}}']],
      },
      {
        title: 'Refusals',
        description: 'Responses that proxies refused, by the kind of reason; the log has their words.',
        type: 'timeseries',
        unit: 'ops',
        width: 8,
        queries: [rate('meshtrust_xds_nacks_total', 'mesh, error_class', ofMesh, '{{mesh}} {{error_class}}')],
      },
      {
        title: 'Not let in',
        description: 'Callers of the admin API and proxies without the right token or certificate.',
        type: 'timeseries',
        unit: 'ops',
        width: 8,
        queries: [
          rate('meshtrust_xds_auth_failures_total', 'reason', of, 'proxy: {{reason}}'),
          rate('meshtrust_admin_auth_failures_total', 'reason', of, 'admin: {{reason}}'),
        ],
      },
    ],
  },
  {
    title: 'xDS engine',
    panels: [
      {
        title: 'Streams',
        description: 'Open streams by service and protocol, and those that wait to be opened.',
        type: 'timeseries',
        unit: 'short',
        width: 8,
        queries: [
          [`sum by (transport, protocol) (meshtrust_xds_streams{${of}})`, '{{transport}} {{protocol}}'],
          [`sum(meshtrust_xds_streams_waiting{${of}})`, 'waiting'],
          [`sum(meshtrust_xds_streams_slow{${of}})`, 'slow'],
        ],
      },
      {
        title: 'Ends of streams',
        description: 'CANCELLED is the proxy going away.',
        type: 'timeseries',
        unit: 'ops',
        width: 8,
        queries: [
          rate('meshtrust_xds_streams_closed_total', 'code', of, '{{code}}'),
          rate('meshtrust_xds_streams_cut_off_total', 'job', of, 'cut off'),
          rate('meshtrust_xds_stream_closed_after_large_send_total', 'job', of, 'after a large send'),
        ],
      },
      {
        title: 'Streams that wait or are turned away',
        description: 'By --open-rate and --max-streams, and connections that were over a budget.',
        type: 'timeseries',
        unit: 'ops',
        width: 8,
        queries: [
          rate('meshtrust_xds_streams_delayed_total', 'job', of, 'delayed'),
          rate('meshtrust_xds_streams_refused_total', 'reason', of, '{{reason}}'),
          rate('meshtrust_xds_connections_closed_total', 'reason', of, 'connections closed: {{reason}}'),
        ],
      },
      {
        title: 'Requests',
        description: 'By what they are.',
        type: 'timeseries',
        unit: 'ops',
        width: 8,
        queries: [
          rate('meshtrust_xds_requests_total', 'kind', of, '{{kind}}'),
          rate('meshtrust_xds_fetches_total', 'outcome', of, 'unary: {{outcome}}'),
        ],
      },
      {
        title: 'Responses',
        description: 'By what they carry.',
        type: 'timeseries',
        unit: 'ops',
        width: 8,
        queries: [rate('meshtrust_xds_responses_total', 'result', of, '{{result}}')],
      },
      {
        title: 'Size of responses',
        description: 'Median and 99th percentile.',
        type: 'timeseries',
        unit: 'bytes',
        width: 8,
        queries: quantiles('meshtrust_xds_response_bytes', '', of),
      },
    ],
  },
  {
    title: 'Sources',
    panels: [
      {
        title: 'Resources',
        description: 'In force, and files or objects whose newest version is not.',
        type: 'timeseries',
        unit: 'short',
        width: 8,
        queries: [
          [
            `max by (source, mesh, state) (meshtrust_source_objects{${of},state!="other"})`,
            '{{source}} {{mesh}} {{state}}',
          ],
        ],
      },
      {
        title: 'Since the source was heard of',
        description: 'A cluster is heard of every few minutes; files are quiet while nothing changes.',
        type: 'timeseries',
        unit: 's',
        width: 8,
        queries: [
          [
            `time() - max by (source, instance) (meshtrust_source_last_event_timestamp_seconds{${of}})`,
            '{{source}} {{instance}}',
          ],
        ],
      },
      {
        title: 'Failed reads',
        description: 'Findings MT001 have the places and reasons.',
        type: 'timeseries',
        unit: 'ops',
        width: 8,
        queries: [rate('meshtrust_source_errors_total', 'source, reason', of, '{{source}} {{reason}}')],
      },
      {
        title: 'Read, or restored',
        description:
          '1 once a source was read completely; restored: 1 while it still gives what an earlier run kept.',
        type: 'timeseries',
        unit: 'short',
        width: 8,
        queries: [
          [`min by (source, instance) (meshtrust_source_synced{${of}})`, '{{source}} {{instance}} read'],
          [
            `max by (source, instance) (meshtrust_source_restored{${of}})`,
            '{{source}} {{instance}} restored',
          ],
        ],
      },
      {
        title: 'Kept for a restart',
        description: 'By how much --state-dir is behind, and writes to it.',
        type: 'timeseries',
        unit: 's',
        width: 8,
        queries: [
          [`max by (instance) (meshtrust_snapshot_age_seconds{${of}})`, '{{instance}} behind'],
          rate('meshtrust_snapshot_writes_total', 'result', of, 'writes a second: {{result}}'),
        ],
      },
      {
        title: 'Status in the cluster',
        description: 'Who leads, and requests for status, Events and the Lease by what came of them.',
        type: 'timeseries',
        unit: 'short',
        width: 8,
        queries: [
          [`max by (instance) (meshtrust_kubernetes_leader{${of}})`, '{{instance}} leads'],
          rate('meshtrust_kubernetes_writes_total', 'kind, result', of, '{{kind}} {{result}}'),
        ],
      },
      {
        title: 'Admission webhook',
        description: 'Requests by what came of them; error and untrusted are those that got no answer.',
        type: 'timeseries',
        unit: 'ops',
        width: 8,
        queries: [rate('meshtrust_webhook_requests_total', 'result', of, '{{result}}')],
      },
    ],
  },
  {
    title: 'Process',
    panels: [
      {
        title: 'Replicas',
        description: 'By version.',
        type: 'table',
        unit: 'short',
        width: 8,
        queries: [
          [
            `max by (instance, version, node_version) (meshtrust_build_info{${of}}) * on (instance) group_left () max by (instance) (meshtrust_ready{${of}})`,
            '',
          ],
        ],
      },
      {
        title: 'CPU',
        description: 'Cores in use. With --workers this is the parent alone.',
        type: 'timeseries',
        unit: 'short',
        width: 8,
        queries: [
          [
            `sum by (job, instance) (rate(process_cpu_seconds_total{${of}}[$__rate_interval])) ${ours}`,
            '{{instance}}',
          ],
        ],
      },
      {
        title: 'Memory',
        description: 'Resident memory and the JavaScript heap. With --workers this is the parent alone.',
        type: 'timeseries',
        unit: 'bytes',
        width: 8,
        queries: [
          [`max by (job, instance) (process_resident_memory_bytes{${of}}) ${ours}`, '{{instance}} resident'],
          [`max by (job, instance) (nodejs_heap_size_used_bytes{${of}}) ${ours}`, '{{instance}} heap'],
        ],
      },
      {
        title: 'Event loop',
        description: '99th percentile of how late it was.',
        type: 'timeseries',
        unit: 's',
        width: 8,
        queries: [
          [`max by (job, instance) (nodejs_eventloop_lag_p99_seconds{${of}}) ${ours}`, '{{instance}}'],
        ],
        thresholds: { red: 0.25 },
      },
      {
        title: 'Garbage collection',
        description: 'Part of the time that goes into pauses.',
        type: 'timeseries',
        unit: 'percentunit',
        width: 8,
        queries: [
          [
            `sum by (job, instance) (rate(nodejs_gc_duration_seconds_sum{${of}}[$__rate_interval])) ${ours}`,
            '{{instance}}',
          ],
        ],
      },
      {
        title: 'Certificate cache',
        description: 'Part of the look-ups that found something.',
        type: 'timeseries',
        unit: 'percentunit',
        width: 8,
        queries: [
          [
            `sum by (cache) (rate(meshtrust_certificate_cache_hits_total{${of}}[$__rate_interval])) / (sum by (cache) (rate(meshtrust_certificate_cache_hits_total{${of}}[$__rate_interval])) + sum by (cache) (rate(meshtrust_certificate_cache_misses_total{${of}}[$__rate_interval])) > 0)`,
            '{{cache}}',
          ],
        ],
      },
    ],
  },
];
