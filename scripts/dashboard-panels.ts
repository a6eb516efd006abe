/** The rows and panels of the dashboard. `scripts/grafana-dashboard.ts` writes the file. */

/** A query of a panel. The legend has labels in double braces, as in Grafana. */
export type Query = readonly [expr: string, legend: string];

export interface Panel {
  readonly title: string;
  readonly description: string;
  /** `stat`: the newest value. `table`: a line per series, with its labels. */
  readonly type: 'stat' | 'timeseries' | 'table';
  /** A unit of Grafana: `short`, `s`, `bytes`, `percentunit`, `ops`. */
  readonly unit: string;
  /** Width in columns, of 24. */
  readonly width: number;
  readonly queries: readonly Query[];
  /** Values from which on a number is yellow or red. Default: never. */
  readonly thresholds?: { readonly yellow?: number; readonly red?: number };
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** The selection at the top of the page. */
const of = 'job=~"$job"';
const ofMesh = 'job=~"$job",mesh=~"$mesh"';
/** Restricts metrics of Node.js to this program. */
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
        description: 'Trust domains of the mesh.',
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
        title: 'Meshes without trust',
        description: 'Meshes that have lost all trust domains. Their proxies refuse every client.',
        type: 'stat',
        unit: 'short',
        width: 4,
        queries: [[`sum(max by (mesh) (meshtrust_bundle_empty{${ofMesh}}))`, '']],
        thresholds: { red: 1 },
      },
      {
        title: 'Held by the guard',
        description: 'Trust domains that were removed together and are still served for --guard-hold.',
        type: 'stat',
        unit: 'short',
        width: 4,
        queries: [[`sum(max by (mesh) (meshtrust_guard_tripped{${ofMesh}}))`, '']],
        thresholds: { red: 1 },
      },
      {
        title: 'Findings',
        description: 'Errors and warnings about the input. docs/findings.md explains the codes.',
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
        description: 'Replicas by the version that they serve. Different versions for minutes are a fault.',
        type: 'table',
        unit: 'short',
        width: 8,
        queries: [[`count by (mesh, version) (meshtrust_bundle_info{${ofMesh}})`, '']],
      },
      {
        title: 'CA certificates by validity',
        description: 'CA certificates that are served. Expired and future ones admit no client.',
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
        title: 'Size of the largest secret',
        description: 'Size of the secret with all trust domains. The limit of google_grpc is 4 MiB.',
        type: 'timeseries',
        unit: 'bytes',
        width: 8,
        queries: [[`max by (mesh) (meshtrust_bundle_bytes{${ofMesh}})`, '{{mesh}}']],
        thresholds: { yellow: 1_048_576, red: 4_194_304 },
      },
      {
        title: 'Findings by code',
        description: 'Errors and warnings about the input, by code. docs/findings.md explains the codes.',
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
        title: 'Time until each CA expires',
        description: 'Empty with --no-ca-metrics. The next panel then still has data.',
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
        title: 'Next expiry by trust domain',
        description: 'Time until the next CA certificate of each trust domain expires.',
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
        title: 'Proxies in sync',
        description: 'Share of the proxies that have acknowledged the current version.',
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
        title: 'Time from change to ACK',
        description: 'From the change of the input to the ACK of each proxy.',
        type: 'timeseries',
        unit: 's',
        width: 9,
        queries: quantiles('meshtrust_xds_convergence_seconds', 'mesh', ofMesh),
        thresholds: { red: 3 },
      },
      {
        title: 'Time by stage',
        description:
          '99th percentiles. build: the build. debounce: from change to built. queue: from built to sent on a stream. push: until sent on all streams.',
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
        description: 'Proxies by their state. Proxies that are reconnecting or lost have no connection.',
        type: 'timeseries',
        unit: 'short',
        width: 8,
        queries: [[`sum by (mesh, state) (meshtrust_xds_proxies{${ofMesh}})`, '{{mesh}} {{state}}']],
      },
      {
        title: 'NACKs',
        description: 'Responses that proxies rejected, by kind of error. The log has the messages.',
        type: 'timeseries',
        unit: 'ops',
        width: 8,
        queries: [rate('meshtrust_xds_nacks_total', 'mesh, error_class', ofMesh, '{{mesh}} {{error_class}}')],
      },
      {
        title: 'Authentication failures',
        description: 'Proxies and callers of the admin API without a valid token or certificate.',
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
        description: 'Open streams by service and protocol, streams that wait to open, and slow streams.',
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
        title: 'Closed streams',
        description: 'By status. CANCELLED: the proxy ended the stream.',
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
        title: 'Delayed and refused streams',
        description: 'Delayed by --open-rate, refused by a limit, and connections closed by a limit.',
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
        description: 'Requests by kind, and unary requests by outcome.',
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
        description: 'Responses by content.',
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
        description: 'MeshTrusts in force, and files or objects whose newest version is not in force.',
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
        title: 'Time since the last event',
        description: 'A cluster sends an event every few minutes. Files cause events only when they change.',
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
        description: 'Findings MT001 have each place and reason.',
        type: 'timeseries',
        unit: 'ops',
        width: 8,
        queries: [rate('meshtrust_source_errors_total', 'source, reason', of, '{{source}} {{reason}}')],
      },
      {
        title: 'Sources read or restored',
        description:
          'read: 1 once the source was read completely. restored: 1 while it provides the state of an earlier run.',
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
        title: 'State directory',
        description: 'Time by which --state-dir is behind, and writes to it.',
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
        description: 'The leader, and writes of status, Events and the Lease by result.',
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
        description: 'Requests by result. error and untrusted: the API server got no answer.',
        type: 'timeseries',
        unit: 'ops',
        width: 8,
        queries: [rate('meshtrust_webhook_requests_total', 'result', of, '{{result}}')],
      },
    ],
  },
  {
    title: 'Bundle endpoint',
    panels: [
      {
        title: 'Consumers that are behind',
        description:
          'Consumers that have not fetched the published bundle since it changed, and those that no longer fetch (overdue).',
        type: 'timeseries',
        unit: 'short',
        width: 8,
        queries: [
          [
            `sum by (mesh, trust_domain) (meshtrust_bundle_consumers{${ofMesh},state="behind"})`,
            '{{mesh}} {{trust_domain}}',
          ],
          [
            `sum by (mesh, trust_domain) (meshtrust_bundle_consumers_overdue{${ofMesh}})`,
            '{{mesh}} {{trust_domain}} overdue',
          ],
        ],
      },
      {
        title: 'Responses of the bundle endpoint',
        description: 'Responses by status. 429: more requests than --bundle-rate.',
        type: 'timeseries',
        unit: 'ops',
        width: 8,
        queries: [rate('meshtrust_bundle_requests_total', 'code', of, '{{code}}')],
      },
      {
        title: 'Certificate of the bundle endpoint',
        description: 'Time until it expires, by its profile.',
        type: 'timeseries',
        unit: 's',
        width: 8,
        queries: [
          [
            `min by (instance, profile) (meshtrust_bundle_certificate_expiry_timestamp_seconds{${of}}) - time()`,
            '{{instance}} {{profile}}',
          ],
        ],
      },
    ],
  },
  {
    title: 'Federation',
    panels: [
      {
        title: 'Fetches of bundles',
        description:
          'Fetches of the bundles of other trust domains, by result: dns to document are failures.',
        type: 'timeseries',
        unit: 'ops',
        width: 12,
        queries: [
          [
            `sum by (mesh, trust_domain, result) (rate(meshtrust_federation_fetches_total{${ofMesh}}[$__rate_interval]))`,
            '{{mesh}} {{trust_domain}} {{result}}',
          ],
        ],
      },
      {
        title: 'Time since the last successful fetch',
        description: 'Above the interval of fetches: the endpoint fails, and the last bundle stays in force.',
        type: 'timeseries',
        unit: 's',
        width: 12,
        queries: [
          [
            `time() - max by (mesh, trust_domain) (meshtrust_federation_last_success_timestamp_seconds{${ofMesh}} > 0)`,
            '{{mesh}} {{trust_domain}}',
          ],
        ],
      },
    ],
  },
  {
    title: 'Process',
    panels: [
      {
        title: 'Replicas',
        description: 'Replicas that are ready, by version.',
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
        description: 'CPU cores in use. With --workers, only of the main process.',
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
        description: 'Resident memory and the JavaScript heap. With --workers, only of the main process.',
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
        description: 'Delay of the event loop, 99th percentile.',
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
        description: 'Share of time in garbage collection pauses.',
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
        description: 'Share of look-ups that hit the cache.',
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
