import type { MeshDetail, MeshSummary } from '../api/api-types.ts';
import type { ServerEvent } from '../api/event-types.ts';
import type { AnyProxyState, ProxyList, RolloutDetail } from '../api/fleet-api-types.ts';
import type { Hints } from '../trust/findings/hints.ts';

/** Which proxies are listed. */
export interface ProxyFilter {
  readonly node: string;
  readonly state: AnyProxyState | '';
  /** The `next` of the page before; pages that were passed, so that one can go back. */
  readonly after: readonly string[];
}

/** Everything that the page shows. The views are functions of it. */
export interface PageState {
  /** Of the stream of events. */
  readonly connection: 'connecting' | 'live' | 'lost';
  readonly server: ServerEvent | undefined;
  readonly meshes: readonly MeshSummary[] | undefined;
  /** The mesh that is looked at, by name. */
  readonly selected: string | undefined;
  readonly mesh: MeshDetail | undefined;
  /** When the mesh was answered for, epoch milliseconds: what it says of time left counts from there. */
  readonly meshAt: number;
  readonly proxies: ProxyList | undefined;
  readonly filter: ProxyFilter;
  readonly rollouts: ReadonlyMap<string, RolloutDetail>;
  readonly hints: Hints;
  /** What could not be done, in a sentence. */
  readonly problem: string | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
}

export const noFilter: ProxyFilter = { node: '', state: '', after: [] };

/** The page before anything is known. */
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

/** The mesh to look at: the one of the address, or else the first. */
export function selectedMesh(hash: string, meshes: readonly MeshSummary[]): string | undefined {
  const named = /^#\/mesh\/(?<name>.+)$/.exec(hash)?.groups?.['name'];
  const name = named === undefined ? undefined : decodeOr(named);
  return meshes.find((mesh) => mesh.name === name)?.name ?? meshes[0]?.name;
}

/** Proxies of a mesh that are connected: they come and go between changes, of which answers about meshes do not tell. */
export function connectedTo(
  { name, proxies }: Pick<MeshSummary, 'name' | 'proxies'>,
  { rollouts }: PageState,
): number {
  return rollouts.get(name)?.proxies.connected ?? proxies;
}

/** The address of a mesh within the page. */
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
