import { countFindings } from '../trust/findings/finding.ts';
import type { ServedAnchor, TrustBundle } from '../trust/bundle/trust-bundle.ts';
import { listedIssuers } from '../trust/bundle/listed-issuers.ts';
import { catalogue } from '../trust/findings/catalogue.ts';
import type { Finding } from '../trust/findings/finding.ts';
import type { MeshState } from '../trust/snapshot/mesh-builder.ts';
import type { StateView } from '../runtime/state-view.ts';
import type {
  AnchorDetail,
  FindingDetail,
  FindingList,
  HeldTrustDomain,
  MeshDetail,
  MeshSummary,
} from './api-types.ts';
import { compareText } from '../text/compare-text.ts';
import { formatTime } from '../text/format-time.ts';

/** Facts about a mesh that its state does not contain. */
export interface MeshContext {
  readonly findings: readonly Finding[];
  readonly held: StateView['ledger']['held'];
  readonly proxies: number;
  /** Monotonic milliseconds, as in `held`. */
  readonly now: number;
  readonly findingSince?: FindingSince | undefined;
}

/** Returns the epoch milliseconds since when a finding is reported, if they are known. */
export type FindingSince = (finding: Finding) => number | undefined;

/** Returns a mesh as it appears in a list. */
export function presentMeshSummary(state: MeshState, { findings, proxies }: MeshContext): MeshSummary {
  const { mesh, bundles } = state.bundle;
  return {
    name: mesh,
    ...headOf(state, proxies),
    trustDomains: bundles.length,
    anchors: bundles.reduce((sum, { anchors }) => sum + anchors.length, 0),
    findings: countFindings(findingsOf(mesh, findings)),
  };
}

/** Returns all details of a mesh. */
export function presentMesh(
  state: MeshState,
  { findings, held, proxies, now, findingSince }: MeshContext,
): MeshDetail {
  const { mesh, bundles, merged } = state.bundle;
  const inMerged = new Set(merged.map(({ trustDomain }) => trustDomain));
  return {
    name: mesh,
    ...headOf(state, proxies),
    trustDomains: bundles.map(({ trustDomain, anchors }) => ({
      name: trustDomain,
      inJointSecret: anchors.length > 0 && inMerged.has(trustDomain),
      anchors: presentAnchors(anchors),
    })),
    held: held
      .filter((hold) => hold.mesh === mesh)
      .map(({ trustDomain, until }): HeldTrustDomain => ({
        name: trustDomain,
        secondsLeft: secondsUntil(until, now),
      }))
      .sort((a, b) => compareText(a.name, b.name)),
    secrets: [...state.secrets.secrets.values()].map(({ name, version, contentSize }) => ({
      name,
      version,
      bytes: contentSize,
    })),
    findings: findingsOf(mesh, findings).map((found) => presentFinding(found, findingSince)),
  };
}

/** Returns findings in the given order, with their number by severity. */
export function presentFindings(findings: readonly Finding[], since?: FindingSince): FindingList {
  return { counts: countFindings(findings), findings: findings.map((found) => presentFinding(found, since)) };
}

/** Returns the whole seconds until a time, at least 0. */
export function secondsUntil(until: number, now: number): number {
  return Math.max(0, Math.ceil((until - now) / 1000));
}

function headOf(
  { bundle, secrets }: MeshState,
  proxies: number,
): Pick<MeshSummary, 'version' | 'denyAll' | 'proxies' | 'earliestExpiry'> {
  const earliestExpiry = earliest(bundle.bundles);
  return { version: secrets.version, denyAll: secrets.denyAll, proxies, earliestExpiry };
}

function earliest(bundles: readonly TrustBundle[]): string | undefined {
  const ends = bundles.flatMap(({ anchors }) => anchors.map(({ certificate }) => certificate.notAfter));
  return ends.length === 0 ? undefined : formatTime(ends.reduce((a, b) => Math.min(a, b)));
}

function presentAnchors(anchors: readonly ServedAnchor[]): readonly AnchorDetail[] {
  const issuers = listedIssuers(anchors.map(({ certificate }) => certificate));
  return anchors.map((anchor) => presentAnchor(anchor, issuers.get(anchor.certificate)));
}

function presentAnchor(
  { certificate, rooting, listedBy }: ServedAnchor,
  issuedBy: readonly string[] | undefined,
): AnchorDetail {
  const { fingerprint, keyHash, compressedKeyHash, subject, issuer, keyAlgorithm, notBefore, notAfter } =
    certificate;
  return {
    fingerprint,
    keyHash,
    compressedKeyHash,
    subject,
    issuer,
    ...(issuedBy !== undefined && { issuedBy }),
    keyAlgorithm,
    notBefore: formatTime(notBefore),
    notAfter: formatTime(notAfter),
    rooting,
    resources: listedBy,
  };
}

function presentFinding(found: Finding, sinceOf?: FindingSince): FindingDetail {
  const { severity, code, message, file, line, resource, path, block, mesh, trustDomain, fingerprint } =
    found;
  const { name } = catalogue[code];
  const place = { file, line, resource, path, block, mesh, trustDomain, fingerprint };
  const since = sinceOf?.(found);
  return {
    severity,
    code,
    name,
    message,
    ...place,
    ...(since !== undefined && { since: formatTime(Math.floor(since / 1000) * 1000) }),
  };
}

/** The findings of each state, by mesh. Otherwise a list of all meshes would read all findings for each mesh. */
const findingsByMesh = new WeakMap<readonly Finding[], ReadonlyMap<string | undefined, readonly Finding[]>>();

/** Returns the findings that name the mesh or one of its resources. Findings about whole files belong to no mesh. */
function findingsOf(mesh: string, findings: readonly Finding[]): readonly Finding[] {
  let byMesh = findingsByMesh.get(findings);
  if (byMesh === undefined)
    findingsByMesh.set(findings, (byMesh = Map.groupBy(findings, (found) => found.mesh ?? meshOf(found))));
  return byMesh.get(mesh) ?? [];
}

/** Returns the mesh in the name of a resource, `mesh/namespace/name`. */
function meshOf({ resource = '' }: Finding): string | undefined {
  const end = resource.indexOf('/');
  return end === -1 ? undefined : resource.slice(0, end);
}
