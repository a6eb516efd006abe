import { createImportStage, importIdentities } from '../../src/trust/imports/import-stage.ts';
import type { ImportStage, ImportStageOptions } from '../../src/trust/imports/import-stage.ts';
import { createLedger } from '../../src/trust/ledger/ledger.ts';
import type { Ledger, LedgerEvent } from '../../src/trust/ledger/ledger.ts';
import type { EventsBySource } from '../../src/trust/identity/identity-stage.ts';
import type { Finding } from '../../src/trust/findings/finding.ts';
import { createMeshBuilder } from '../../src/trust/snapshot/mesh-builder.ts';
import type { MeshStates } from '../../src/trust/snapshot/mesh-builder.ts';
import { servedCas } from './bundles.ts';
import { parseAll } from './mesh-identities.ts';

/** Labels as Kuma's Global control plane has them. */
export interface KumaLabels {
  readonly origin?: string | undefined;
  readonly zone?: string | undefined;
  readonly mesh?: string | undefined;
}

/** Returns a MeshTrust of the Global control plane, in the Kubernetes form. */
export function importedTrust(
  trustDomain: string,
  pems: readonly string[],
  { mesh = 'default', origin, zone }: KumaLabels = {},
  name = trustDomain,
): string {
  return JSON.stringify({
    apiVersion: 'kuma.io/v1alpha1',
    kind: 'MeshTrust',
    metadata: {
      name,
      namespace: 'kuma-system',
      labels: { 'kuma.io/mesh': mesh, 'kuma.io/origin': origin, 'kuma.io/zone': zone },
    },
    spec: { trustDomain, caBundles: pems.map((value) => ({ type: 'Pem', pem: { value } })) },
  });
}

/** Returns a MeshIdentity of the Global control plane, whose CA each zone generates. */
export function globalIdentity(
  trustDomain: string,
  { mesh = 'default', origin, zone }: KumaLabels = { origin: 'global' },
  expiry = '24h',
): string {
  return JSON.stringify({
    apiVersion: 'kuma.io/v1alpha1',
    kind: 'MeshIdentity',
    metadata: {
      name: 'identity',
      namespace: 'kuma-system',
      labels: { 'kuma.io/mesh': mesh, 'kuma.io/origin': origin, 'kuma.io/zone': zone },
    },
    spec: {
      spiffeID: { trustDomain },
      provider: {
        type: 'Bundled',
        bundled: {
          insecureAllowSelfSigned: true,
          autogenerate: { enabled: true },
          certificateParameters: { expiry },
        },
      },
    },
  });
}

/** The stage with a ledger behind it, beside a source of this zone. */
export interface ImportRig {
  readonly stage: ImportStage;
  readonly ledger: Ledger;
  /** Changes MeshTrusts of the Global control plane; without a text, the object is deleted. */
  readonly trusts: (texts: Readonly<Record<string, string | undefined>>, now?: number) => void;
  /** Changes its MeshIdentities. */
  readonly identities: (texts: Readonly<Record<string, string | undefined>>, now?: number) => void;
  /** Changes the files of this zone. */
  readonly local: (texts: Readonly<Record<string, string | undefined>>) => void;
  readonly deliver: (source: string, events: readonly LedgerEvent[], now?: number) => void;
  readonly synced: () => void;
  readonly apply: (all: EventsBySource, now?: number) => void;
  /** Ends what is due, including the holds of the guard. */
  readonly tick: (now: number) => void;
  /** Returns the CAs in force as `trust domain: common names`. */
  readonly inForce: () => readonly string[];
  readonly meshes: () => MeshStates;
  readonly findings: () => readonly Finding[];
  /** Returns the findings as `code severity`. */
  readonly codes: () => readonly string[];
}

export function makeImportRig(options: Partial<ImportStageOptions> = {}): ImportRig {
  const stage = createImportStage({
    zone: 'zone-1',
    granted: new Map(),
    linger: { kind: 'leaves' },
    ...options,
  });
  const ledger = createLedger(['files', 'import'], { holdMs: 30_000 });
  const builder = createMeshBuilder({ distrusted: new Set(), refuseIntermediates: false });
  const apply = (all: EventsBySource, now = 0): void => {
    for (const [to, events] of all) ledger.apply(to, events, now);
  };
  const deliver: ImportRig['deliver'] = (source, events, now = 0) =>
    apply(stage.apply(source, events, now), now);
  const change = (source: string) => (texts: Readonly<Record<string, string | undefined>>, now?: number) =>
    deliver(source, eventsOf(texts), now);
  const meshes = (): MeshStates => builder.build(ledger.view().holdings, 0);
  const findings = (): readonly Finding[] => [...ledger.view().findings, ...stage.findings(meshes())];
  return {
    stage,
    ledger,
    deliver,
    apply,
    trusts: change('import'),
    identities: change(importIdentities),
    local: (texts) => void ledger.apply('files', eventsOf(texts), 0),
    synced() {
      deliver(importIdentities, [{ kind: 'synced' }]);
      deliver('import', [{ kind: 'synced' }]);
    },
    tick(now) {
      apply(stage.tick(now), now);
      ledger.tick(now);
    },
    inForce: () => servedCas(meshes()),
    meshes,
    findings,
    codes: () => findings().map(({ code, severity }) => `${code} ${severity}`),
  };
}

function eventsOf(texts: Readonly<Record<string, string | undefined>>): readonly LedgerEvent[] {
  return Object.entries(texts).map(([path, text]) =>
    text === undefined
      ? { kind: 'gone', path, evidence: 'deletion' }
      : { kind: 'version', path, settled: true, parsed: parseAll(path, text) },
  );
}
