import type { TrustBundle } from '../../../trust/bundle/trust-bundle.ts';
import type { Finding } from '../../../trust/findings/finding.ts';
import type { Grant } from '../../../trust/ledger/entry.ts';
import type { MeshStates } from '../../../trust/snapshot/mesh-builder.ts';
import type { ObjectHead } from '../../client/api-object.ts';
import { factsOf } from './facts.ts';
import type { ServedDomain } from './facts.ts';
import { indexFindings } from './findings-index.ts';
import { renderStatus } from './render-status.ts';
import type { ObjectStatus, ProxyCounts } from './status.ts';

/** The served meshes and the findings on them. */
export interface ReportView {
  /** False until the first snapshot is served. */
  readonly ready: boolean;
  readonly meshes: MeshStates;
  readonly findings: readonly Finding[];
}

export interface ReportInput {
  readonly view: ReportView;
  readonly grantsOf: (path: string) => readonly Grant[];
  readonly countsOf: (mesh: string, version: string) => ProxyCounts;
  /** Epoch milliseconds. */
  readonly now: number;
}

const noProxies: ProxyCounts = { connected: 0, acked: 0, lost: 0, complete: true };

/** Returns a function that renders the status of an object. All statuses it renders refer to the same moment. */
export function createReport(
  input: ReportInput,
): (
  head: ObjectHead,
  observed: ObjectStatus,
) => { readonly mesh: string | undefined; readonly status: ObjectStatus } {
  const { view, grantsOf, countsOf, now } = input;
  const index = indexFindings(view.findings);
  const meshOf = (name: string) => view.meshes.get(name);
  const domains = new Map<string, BundlesByDomain>();
  const counts = new Map<string, ProxyCounts>();
  const domainOf = (mesh: string, trustDomain: string): ServedDomain => {
    let known = domains.get(mesh);
    if (known === undefined) domains.set(mesh, (known = domainsOf(view.meshes, mesh)));
    return { perDomain: known.perDomain.get(trustDomain), merged: known.merged.get(trustDomain) };
  };
  const countOf = (mesh: string, version: string): ProxyCounts => {
    let known = counts.get(mesh);
    if (known === undefined) counts.set(mesh, (known = countsOf(mesh, version)));
    return known;
  };
  return (head, observed) => {
    const { path, generation } = head;
    const facts = factsOf({ path, grants: grantsOf(path), meshOf, domainOf, index, now });
    const { mesh, meshVersion } = facts;
    const known = mesh === undefined || meshVersion === undefined ? noProxies : countOf(mesh, meshVersion);
    return { mesh, status: renderStatus({ generation, facts, counts: known, observed, now }) };
  };
}

interface BundlesByDomain {
  readonly perDomain: ReadonlyMap<string, TrustBundle>;
  readonly merged: ReadonlyMap<string, TrustBundle>;
}

function domainsOf(meshes: MeshStates, mesh: string): BundlesByDomain {
  const bundle = meshes.get(mesh)?.bundle;
  const byName = (bundles: readonly TrustBundle[] = []): ReadonlyMap<string, TrustBundle> =>
    new Map(bundles.map((domain) => [domain.trustDomain, domain]));
  const perDomain = byName(bundle?.bundles);
  return { perDomain, merged: bundle?.merged === bundle?.bundles ? perDomain : byName(bundle?.merged) };
}
