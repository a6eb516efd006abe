import type { FindingList, MeshDetail, MeshSummary, UnlistedMesh } from '../api/api-types.ts';
import type { CertificateDetail, CertificateList } from '../api/certificate-api-types.ts';
import type { ChangeDetail } from '../api/change-api-types.ts';
import type { ServerEvent } from '../api/event-types.ts';
import type { ProxyDetail, ProxyList, RolloutDetail } from '../api/fleet-api-types.ts';
import type { ConsumerList } from '../api/consumer-api-types.ts';
import type { FederationList } from '../api/federation-api-types.ts';
import type { IdentityList } from '../api/identity-api-types.ts';
import type { RotationList } from '../api/rotation-api-types.ts';
import type { ServerDetail } from '../api/server-api-types.ts';
import type { Hints } from '../trust/findings/hints.ts';
import type { Problem } from './problems.ts';
import type { ProxyFilter, Route } from './route.ts';
import type { Theme } from './theme.ts';

/** Data that only some views show. It is cleared when the view changes. */
export interface ViewData {
  readonly mesh: MeshDetail | undefined;
  readonly proxies: ProxyList | undefined;
  readonly proxy: ProxyDetail | undefined;
  readonly ca: CertificateDetail | undefined;
  /** The certificates that expire first, or those that a search found. */
  readonly certificates: CertificateList | undefined;
  /** The newest changes: of all meshes, or of the mesh of the view. */
  readonly changes: readonly ChangeDetail[] | undefined;
  readonly identities: IdentityList | undefined;
  readonly rotations: RotationList | undefined;
  readonly federation: FederationList | undefined;
  /** `undefined` also if the server has no bundle endpoint. */
  readonly consumers: ConsumerList | undefined;
  /** The server's message, if the object of the view does not exist. */
  readonly missing: string | undefined;
}

/** Everything that the page shows. The views are functions of this state. */
export interface PageState extends ViewData {
  /** The connection of the event stream. */
  readonly connection: 'connecting' | 'live' | 'lost';
  /** When the page, or its last connection, was opened, in epoch milliseconds. */
  readonly openedAt: number;
  /** When the connection was lost, in epoch milliseconds. While it is lost, all data on the page is from this time. */
  readonly lostAt: number;
  readonly route: Route;
  readonly server: ServerEvent | undefined;
  readonly about: ServerDetail | undefined;
  readonly meshes: readonly MeshSummary[] | undefined;
  /** Meshes of connected proxies that no MeshTrust lists. */
  readonly unlisted: readonly UnlistedMesh[];
  readonly findings: FindingList | undefined;
  /** When the response about the mesh arrived, in epoch milliseconds. Its remaining times are as of this moment. */
  readonly meshAt: number;
  readonly rollouts: ReadonlyMap<string, RolloutDetail>;
  /** Derived from the rest of the state. */
  readonly problems: readonly Problem[];
  readonly hints: Hints;
  readonly theme: Theme;
  /** True if single keys are shortcuts. */
  readonly keys: boolean;
  /** The address of the server, as `https://host:port`. */
  readonly origin: string;
  /** The text that was copied last: its copy button confirms it. */
  readonly copied: string | undefined;
  /** The error of the last action. */
  readonly failure: string | undefined;
  /** Epoch milliseconds, by the clock of the server. */
  readonly now: number;
}

export const noData: ViewData = {
  mesh: undefined,
  proxies: undefined,
  proxy: undefined,
  ca: undefined,
  certificates: undefined,
  changes: undefined,
  identities: undefined,
  rotations: undefined,
  federation: undefined,
  consumers: undefined,
  missing: undefined,
};

/** Returns the state before the first response. */
export function initialState(route: Route, now: number, origin = ''): PageState {
  return {
    ...noData,
    connection: 'connecting',
    openedAt: now,
    lostAt: now,
    route,
    server: undefined,
    about: undefined,
    meshes: undefined,
    unlisted: [],
    findings: undefined,
    meshAt: now,
    rollouts: new Map(),
    problems: [],
    hints: {},
    theme: 'system',
    keys: true,
    origin,
    copied: undefined,
    failure: undefined,
    now,
  };
}

/**
 * Returns the number of connected proxies of a mesh. The roll-out has the current number. The response about the mesh
 * may be older, because proxies also connect and disconnect while no trust changes.
 */
export function connectedTo(
  { name, proxies }: Pick<MeshSummary, 'name' | 'proxies'>,
  { rollouts }: Pick<PageState, 'rollouts'>,
): number {
  return rollouts.get(name)?.proxies.connected ?? proxies;
}

/** Returns the readiness of the server: from the newest event, or from the last response if there was no event. */
export function readinessOf({ server, about }: PageState): ServerEvent['readiness'] | undefined {
  return server?.readiness ?? about?.readiness.status;
}

/** Milliseconds after which the overview is shown although the roll-out of some mesh is unknown. */
const maxWaitMs = 3_000;

/** Returns whether the overview can be shown. If it were shown too early, problems would be missing in it. */
export function isComplete({ meshes, findings, connection, rollouts, openedAt, now }: PageState): boolean {
  if (meshes === undefined || findings === undefined) return false;
  if (connection === 'lost' || now - openedAt > maxWaitMs) return true;
  return connection === 'live' && rollouts.size >= meshes.length;
}

/** The actions of the page. */
export interface Actions {
  readonly filter: (part: Partial<ProxyFilter>) => void;
  /** Releases the trust domains of a mesh that the guard holds, after a confirmation. */
  readonly release: (mesh: string) => void;
  readonly search: (text: string) => void;
  readonly copy: (text: string) => void;
  readonly theme: (theme: Theme) => void;
  readonly keys: (areOn: boolean) => void;
  /** Shows the list of shortcuts. */
  readonly help: () => void;
}
