import type { StateEvent } from '../runtime/state-view.ts';
import type { MeshStates } from '../trust/snapshot/mesh-builder.ts';
import type { Rollout } from './rollout.ts';

/** A recent change of what is served to a mesh. Times are epoch milliseconds. */
export interface LoggedChange {
  readonly mesh: string;
  readonly version: string;
  readonly since: number;
  readonly servedAt: number;
  /** True for the first served state of the mesh. */
  readonly first: boolean;
  readonly denyAll: boolean;
  readonly trustDomains: readonly LoggedTrustDomain[];
  /** Undefined while proxies are behind, or if a later change came first. */
  readonly converged: LoggedConvergence | undefined;
}

interface LoggedTrustDomain {
  readonly name: string;
  readonly added: LoggedCertificates;
  readonly removed: LoggedCertificates;
}

interface LoggedCertificates {
  readonly total: number;
  readonly certificates: readonly { readonly fingerprint: string; readonly subject: string }[];
}

interface LoggedConvergence {
  readonly at: number;
  readonly proxies: number;
  /** Number of lost proxies that the server no longer waited for. */
  readonly gaveUp: number;
}

/** `number`: one more for each later state that was served, with changes of one mesh or more. */
interface NumberedChange {
  readonly number: number;
  readonly change: LoggedChange;
}

/** The last changes of each mesh. */
export interface ChangeLog {
  state(event: StateEvent): void;
  converged(rollout: Rollout, gaveUp: number): void;
  /** Returns the changes of a mesh, or of all meshes, newest first. */
  recent(mesh: string | undefined, limit: number): readonly LoggedChange[];
}

/** The number of changes that are kept for each mesh. */
const kept = 16;
/** The number of trust domains of a change, and of certificates of a trust domain, that are kept by name. */
const mostNames = 10;

/** Creates a log without changes. It lives as long as the process. */
export function createChangeLog(wall: () => number): ChangeLog {
  const meshes = new Map<string, readonly NumberedChange[]>();
  let before: MeshStates = new Map();
  let number = 0;
  return {
    state(event) {
      if (event.kind !== 'served') return;
      const servedAt = wall();
      number += 1;
      for (const { mesh, version, denyAll, trustDomains } of event.changes) {
        const earlier = meshes.get(mesh) ?? [];
        const change: LoggedChange = {
          mesh,
          version,
          since: event.since,
          servedAt,
          first: earlier.length === 0,
          denyAll,
          trustDomains: trustDomains.slice(0, mostNames).map(({ trustDomain, added, removed }) => ({
            name: trustDomain,
            added: namesOf(event.states, mesh, trustDomain, added),
            removed: namesOf(before, mesh, trustDomain, removed),
          })),
          converged: undefined,
        };
        meshes.set(mesh, [{ number, change }, ...earlier].slice(0, kept));
      }
      before = event.states;
    },
    converged({ mesh, current, connected, convergedAt = current.servedAt }, gaveUp) {
      const [newest, ...earlier] = meshes.get(mesh) ?? [];
      if (newest === undefined || newest.change.version !== current.version) return;
      const converged = { at: convergedAt, proxies: connected, gaveUp };
      meshes.set(mesh, [{ ...newest, change: { ...newest.change, converged } }, ...earlier]);
    },
    recent(mesh, limit) {
      const all = mesh === undefined ? [...meshes.values()].flat() : (meshes.get(mesh) ?? []);
      // Not by time: the clock may have been set back in between.
      const newest = all.toSorted((a, b) => b.number - a.number).slice(0, limit);
      return newest.map(({ change }) => change);
    },
  };
}

function namesOf(
  states: MeshStates,
  mesh: string,
  trustDomain: string,
  fingerprints: readonly string[],
): LoggedCertificates {
  const bundle = states.get(mesh)?.bundle.bundles.find((one) => one.trustDomain === trustDomain);
  const wanted = new Set(fingerprints.slice(0, mostNames));
  const certificates = (bundle?.anchors ?? [])
    .filter(({ certificate }) => wanted.has(certificate.fingerprint))
    .map(({ certificate: { fingerprint, subject } }) => ({ fingerprint, subject }));
  return { total: fingerprints.length, certificates };
}
