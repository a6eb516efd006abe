import type { MeshDetail, MeshSummary } from '../api/api-types.ts';
import type { ServerEvent } from '../api/event-types.ts';
import type { AnyProxyState, ProxyList, RolloutDetail } from '../api/fleet-api-types.ts';
import type { Hints } from '../trust/findings/hints.ts';

/** The filter of the list of proxies. */
export interface ProxyFilter {
  readonly node: string;
  readonly state: AnyProxyState | '';
  /** The `next` of the previous page, and those of the pages before it, so that one can go back. */
  readonly after: readonly string[];
}

/** Everything that the page shows. The views are functions of this state. */
export interface PageState {
  /** The connection of the event stream. */
  readonly connection: 'connecting' | 'live' | 'lost';
  readonly server: ServerEvent | undefined;
  readonly meshes: readonly MeshSummary[] | undefined;
  /** The name of the selected mesh. */
  readonly selected: string | undefined;
  readonly mesh: MeshDetail | undefined;
  /** When the response about the mesh arrived, in epoch milliseconds. Its remaining times count from then on. */
  readonly meshAt: number;
  readonly proxies: ProxyList | undefined;
  readonly filter: ProxyFilter;
  readonly rollouts: ReadonlyMap<string, RolloutDetail>;
  readonly hints: Hints;
  /** The error of the last action. */
  readonly problem: string | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
}

export const noFilter: ProxyFilter = { node: '', state: '', after: [] };

/** Returns the state before the first response. */
export function initialState(now: number): PageState {
  return {
    connection: 'connecting',
    server: undefined,
    meshes: undefined,
    selected: undefined,
    mesh: undefined,
    meshAt: now,
    proxies: undefined,
    filter: noFilter,
    rollouts: new Map(),
    hints: {},
    problem: undefined,
    now,
  };
}

/** Returns the mesh to show: the one in the URL, or the first. */
export function selectedMesh(hash: string, meshes: readonly MeshSummary[]): string | undefined {
  const named = /^#\/mesh\/(?<name>.+)$/.exec(hash)?.groups?.['name'];
  const name = named === undefined ? undefined : decodeOr(named);
  return meshes.find((mesh) => mesh.name === name)?.name ?? meshes[0]?.name;
}

/**
 * Returns the number of connected proxies of a mesh. Proxies come and go between changes, so the roll-out has the
 * newest number, and the response about the mesh may be older.
 */
export function connectedTo(
  { name, proxies }: Pick<MeshSummary, 'name' | 'proxies'>,
  { rollouts }: PageState,
): number {
  return rollouts.get(name)?.proxies.connected ?? proxies;
}

/** Returns the URL fragment of a mesh. */
export function hashOf(mesh: string): string {
  return `#/mesh/${encodeURIComponent(mesh)}`;
}

function decodeOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The actions of the page. */
export interface Actions {
  readonly select: (mesh: string) => void;
  readonly filter: (part: Partial<ProxyFilter>) => void;
  /** Releases the guard after a confirmation. */
  readonly release: () => void;
}
