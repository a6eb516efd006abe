import type { HoldSelection } from '../trust/ledger/ledger.ts';
import type { StateView } from '../runtime/state-view.ts';
import type { GuardRelease, MeshList, UnlistedMesh } from '../api/api-types.ts';
import { compareText } from '../text/compare-text.ts';
import { fleetRoutes } from './fleet-routes.ts';
import type { FleetInput } from './fleet-routes.ts';
import { presentCertificates } from '../api/present-certificate-list.ts';
import { presentFindings, presentMesh, presentMeshSummary } from '../api/present-mesh.ts';
import type { FindingSince, MeshContext } from '../api/present-mesh.ts';
import { errorReply, jsonReply, unknownMesh } from './reply.ts';
import type { Route } from './router.ts';

/** The sources of the API's responses. */
export interface ApiInput extends FleetInput {
  readonly view: () => StateView;
  /** Returns the number of connected proxies of a mesh. */
  readonly proxies: (mesh: string) => number;
  /** Returns the number of connected proxies by mesh, also of meshes that no resource lists. */
  readonly proxyCounts?: (() => ReadonlyMap<string, number>) | undefined;
  /** Ends the selected holds of the mass-loss guard, and returns them. */
  readonly releaseGuard: (selection: HoldSelection) => StateView['ledger']['held'];
  /** Monotonic milliseconds, as in the view. */
  readonly now: () => number;
  readonly findingSince?: FindingSince | undefined;
}

/** Returns the routes below `/api/v1`. */
export function apiRoutes(input: ApiInput): readonly Route[] {
  const { view, proxies, releaseGuard, now, findingSince } = input;
  const contextOf = (mesh: string): MeshContext => {
    const { findings, ledger } = view();
    return { findings, held: ledger.held, proxies: proxies(mesh), now: now(), findingSince };
  };
  return [
    ...fleetRoutes(input),
    {
      method: 'GET',
      pattern: '/api/v1/meshes',
      answer: () => {
        const meshes = [...view().meshes].map(([mesh, state]) => presentMeshSummary(state, contextOf(mesh)));
        const unlisted = unlistedMeshes(view(), input.proxyCounts?.() ?? new Map());
        return jsonReply({ meshes, unlisted } satisfies MeshList);
      },
    },
    {
      method: 'GET',
      pattern: '/api/v1/meshes/{mesh}',
      answer: ([mesh = '']) => {
        const state = view().meshes.get(mesh);
        return state === undefined
          ? unknownMesh(mesh, view().readiness)
          : jsonReply(presentMesh(state, contextOf(mesh)));
      },
    },
    {
      method: 'GET',
      pattern: '/api/v1/meshes/{mesh}/certificates',
      answer: ([mesh = '']) => {
        const state = view().meshes.get(mesh);
        return state === undefined
          ? unknownMesh(mesh, view().readiness)
          : jsonReply(presentCertificates(state));
      },
    },
    {
      method: 'GET',
      pattern: '/api/v1/findings',
      answer: () => jsonReply(presentFindings(view().findings, findingSince)),
    },
    {
      method: 'POST',
      pattern: '/api/v1/guard/release',
      answer: (_, query) => {
        const selection = readSelection(query);
        if (typeof selection === 'string') return errorReply('bad-request', selection);
        const released = releaseGuard(selection).map(({ mesh, trustDomain }) => ({ mesh, trustDomain }));
        return jsonReply({ released } satisfies GuardRelease);
      },
    },
  ];
}

/** The most meshes without trust that a response names: proxies invent names. */
const mostUnlisted = 20;

/** Returns the meshes of connected proxies that no resource lists. */
function unlistedMeshes(
  { readiness, meshes }: StateView,
  counts: ReadonlyMap<string, number>,
): readonly UnlistedMesh[] {
  if (readiness.kind !== 'ready') return [];
  return [...counts]
    .filter(([name, proxies]) => proxies > 0 && !meshes.has(name))
    .map(([name, proxies]) => ({ name, proxies }))
    .sort((a, b) => b.proxies - a.proxies || compareText(a.name, b.name))
    .slice(0, mostUnlisted);
}

/**
 * Parses the holds that a request selects. An unknown parameter is an error: it may have been meant to spare others.
 */
function readSelection(query: URLSearchParams): HoldSelection | string {
  const selection: { mesh?: string; trustDomain?: string } = {};
  for (const [name, value] of query) {
    if (name !== 'mesh' && name !== 'trustDomain') return 'the parameters are mesh and trustDomain';
    if (value === '' || selection[name] !== undefined) return `${name} is given once, with a name`;
    selection[name] = value;
  }
  return selection;
}
