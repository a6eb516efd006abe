import { isValidAt } from '../../trust/bundle/same-key-certificates.ts';
import { catalogue } from '../../trust/findings/catalogue.ts';
import type { FindingCode, Severity } from '../../trust/findings/catalogue.ts';
import { mergedSecretNames } from '../../trust/secret/secret-names.ts';
import type { ServedAnchor, TrustBundle } from '../../trust/bundle/trust-bundle.ts';
import type { MeshState } from '../../trust/snapshot/mesh-builder.ts';
import { plainText } from '../../text/plain-text.ts';
import type { StateView } from '../../runtime/state-view.ts';

/** One value of a gauge. The label values are in the order of the label names. */
type Sample = readonly [labels: readonly string[], value: number];

/** A gauge that is computed from the state when it is scraped. */
export interface StateGauge {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** `now`: epoch milliseconds. */
  readonly samples: (view: StateView, now: number) => Iterable<Sample>;
}

/** The longest subject in a label, in characters; a subject can have 4 KB. */
const subjectLength = 120;

/** The gauges of the served state. They have few series: by mesh and trust domain. */
export const stateGauges: readonly StateGauge[] = [
  {
    name: 'meshtrust_ready',
    help: 'Whether trust is served (1), or the first complete read is not done yet (0).',
    labels: [],
    samples: ({ readiness }) => [[[], readiness.kind === 'ready' ? 1 : 0]],
  },
  {
    name: 'meshtrust_source_synced',
    help: 'Whether the first complete read of the source is done.',
    labels: ['source'],
    samples: ({ ledger }) => ledger.sources.map(({ name, synced }): Sample => [[name], synced ? 1 : 0]),
  },
  {
    name: 'meshtrust_source_restored',
    help: 'Whether the resources of the source are still those of the state directory, since its first complete read is not done.',
    labels: ['source'],
    samples: ({ ledger }) =>
      ledger.sources.map(({ name, synced, restored }): Sample => [[name], restored && !synced ? 1 : 0]),
  },
  {
    name: 'meshtrust_source_objects',
    help: 'Resources of the source in force (accepted), files or objects whose newest version is not in force (rejected), and documents of other kinds (other).',
    labels: ['source', 'mesh', 'state'],
    samples: ({ ledger }) =>
      ledger.sources.flatMap(({ name, meshes, otherKinds }): Sample[] => {
        const known = [...meshes].filter(([mesh]) => mesh !== '');
        return [
          ...known.flatMap(([mesh, { accepted, rejected }]): Sample[] => [
            [[name, mesh, 'accepted'], accepted],
            [[name, mesh, 'rejected'], rejected],
          ]),
          [[name, '', 'rejected'], meshes.get('')?.rejected ?? 0],
          [[name, '', 'other'], [...otherKinds.values()].reduce((sum, count) => sum + count, 0)],
        ];
      }),
  },
  {
    name: 'meshtrust_source_unreadable',
    help: 'Files, objects, directories and lists of the source that cannot be read.',
    labels: ['source'],
    samples: ({ ledger }) => ledger.sources.map(({ name, unreadable }): Sample => [[name], unreadable]),
  },
  {
    name: 'meshtrust_certificates',
    help: 'Served certificates, by validity at the time of the scrape.',
    labels: ['mesh', 'trust_domain', 'state'],
    samples: (view, now) => bundlesOf(view).flatMap((bundle) => countByDate(bundle, now)),
  },
  {
    name: 'meshtrust_bundle_earliest_expiry_timestamp_seconds',
    help: 'Expiry of the certificate of the trust domain that expires first, in seconds since 1970.',
    labels: ['mesh', 'trust_domain'],
    samples: (view) =>
      bundlesOf(view)
        .filter(({ anchors }) => anchors.length > 0)
        .map(({ mesh, trustDomain, anchors }): Sample => {
          const ends = anchors.map(({ certificate }) => certificate.notAfter);
          const first = ends.reduce((a, b) => Math.min(a, b));
          return [[mesh, trustDomain], first / 1000];
        }),
  },
  {
    name: 'meshtrust_bundle_info',
    help: 'Always 1; the label is the version that is served to the mesh.',
    labels: ['mesh', 'version'],
    samples: (view) => meshesOf(view).map(([mesh, { secrets }]): Sample => [[mesh, secrets.version], 1]),
  },
  {
    name: 'meshtrust_bundle_bytes',
    help: 'Size of the secret of all trust domains of the mesh.',
    labels: ['mesh'],
    samples: (view) =>
      meshesOf(view).map(([mesh, { secrets }]): Sample => [
        [mesh],
        secrets.secrets.get(mergedSecretNames[0])?.contentSize ?? 0,
      ]),
  },
  {
    name: 'meshtrust_bundle_empty',
    help: 'Whether the mesh has no trust domain left, so that proxies reject every client.',
    labels: ['mesh'],
    samples: (view) => meshesOf(view).map(([mesh, { secrets }]): Sample => [[mesh], secrets.denyAll ? 1 : 0]),
  },
  {
    name: 'meshtrust_guard_tripped',
    help: 'Trust domains of the mesh whose loss the mass-loss guard holds back.',
    labels: ['mesh'],
    samples: (view) => {
      const held = Map.groupBy(view.ledger.held, ({ mesh }) => mesh);
      const meshes = new Set([...view.meshes.keys(), ...held.keys()]);
      return [...meshes].map((mesh): Sample => [[mesh], held.get(mesh)?.length ?? 0]);
    },
  },
  {
    name: 'meshtrust_lint_findings',
    help: 'Current findings by code and severity; docs/findings.md explains the codes.',
    labels: ['code', 'severity'],
    samples: ({ findings }) => countFindings(findings),
  },
];

/** The gauges with a series for each certificate. `--no-ca-metrics` disables them. */
export const authorityGauges: readonly StateGauge[] = [
  {
    name: 'meshtrust_ca_not_before_timestamp_seconds',
    help: 'Start of the validity of a served certificate, in seconds since 1970.',
    labels: ['mesh', 'trust_domain', 'fingerprint', 'subject'],
    samples: (view) => perAuthority(view, ({ certificate }) => certificate.notBefore),
  },
  {
    name: 'meshtrust_ca_not_after_timestamp_seconds',
    help: 'Expiry of a served certificate, in seconds since 1970.',
    labels: ['mesh', 'trust_domain', 'fingerprint', 'subject'],
    samples: (view) => perAuthority(view, ({ certificate }) => certificate.notAfter),
  },
];

function meshesOf(view: StateView): readonly (readonly [string, MeshState])[] {
  return [...view.meshes];
}

function bundlesOf(view: StateView): readonly TrustBundle[] {
  return [...view.meshes.values()].flatMap(({ bundle }) => bundle.bundles);
}

function countByDate({ mesh, trustDomain, anchors }: TrustBundle, now: number): readonly Sample[] {
  let [valid, expired, early] = [0, 0, 0];
  for (const { certificate } of anchors) {
    if (isValidAt(certificate, now)) valid += 1;
    else if (certificate.notBefore > now) early += 1;
    else expired += 1;
  }
  return [
    [[mesh, trustDomain, 'valid'], valid],
    [[mesh, trustDomain, 'expired'], expired],
    [[mesh, trustDomain, 'not-yet-valid'], early],
  ];
}

/** Returns a sample for every code, also for 0 findings, so that an alert can be tested before it fires. */
function countFindings(findings: StateView['findings']): readonly Sample[] {
  const counts = new Map<FindingCode, Map<Severity, number>>();
  for (const [code, { severity }] of Object.entries(catalogue))
    counts.set(code as FindingCode, new Map([[severity, 0]]));
  for (const { code, severity } of findings) {
    const bySeverity = counts.get(code);
    bySeverity?.set(severity, (bySeverity.get(severity) ?? 0) + 1);
  }
  return [...counts].flatMap(([code, bySeverity]) =>
    [...bySeverity].map(([severity, count]): Sample => [[code, severity], count]),
  );
}

function perAuthority(view: StateView, timeOf: (anchor: ServedAnchor) => number): readonly Sample[] {
  return bundlesOf(view).flatMap(({ mesh, trustDomain, anchors }) =>
    anchors.map((anchor): Sample => {
      const { fingerprint, subject } = anchor.certificate;
      return [[mesh, trustDomain, fingerprint, plainText(subject, subjectLength)], timeOf(anchor) / 1000];
    }),
  );
}
