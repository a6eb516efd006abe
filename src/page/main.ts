import { render } from 'lit-html';
import { askHints, askMesh, askMeshes, askProxies, listen, releaseGuard } from './ask.ts';
import { hashOf, initialState, noFilter, selectedMesh } from './page-state.ts';
import type { Actions, PageState, ProxyFilter } from './page-state.ts';
import { viewPage } from './view-page.ts';

/** The shortest time between two requests for the list of proxies, in milliseconds. */
const listMs = 1_000;
/** Interval at which relative times are drawn again, in milliseconds. */
const tickMs = 1_000;

const root = document.querySelector<HTMLElement>('#page');
let state: PageState = initialState(Date.now());
let isDrawing = false;
let listIsDue = false;
let refreshes = 0;
let typing: ReturnType<typeof setTimeout> | undefined;

function change(part: Partial<PageState>): void {
  state = { ...state, ...part };
  if (isDrawing || root === null) return;
  isDrawing = true;
  // Several changes within a frame are drawn once.
  requestAnimationFrame(() => {
    isDrawing = false;
    render(viewPage(state, actions), root);
    const { selected } = state;
    document.title = selected === undefined ? 'meshtrust' : `${selected} · meshtrust`;
  });
}

function attempt(work: () => Promise<Partial<PageState>>): void {
  work().then(
    (part) => change({ problem: undefined, ...part }),
    (error: unknown) => change({ problem: error instanceof Error ? error.message : String(error) }),
  );
}

/** Requests everything that a change of the server can affect. */
function refresh(): void {
  refreshes += 1;
  const mine = refreshes;
  attempt(async () => {
    const answer = await askAll();
    // A later request is about the mesh that is shown now, and may have been answered before this one.
    return mine === refreshes ? answer : {};
  });
}

async function askAll(): Promise<Partial<PageState>> {
  const { meshes } = await askMeshes();
  const selected = selectedMesh(location.hash, meshes);
  const isSame = selected === state.selected;
  const filter = isSame ? state.filter : noFilter;
  if (selected === undefined) return { meshes, selected, mesh: undefined, proxies: undefined };
  const [mesh, proxies] = await Promise.all([askMesh(selected), askProxies(selected, filter)]);
  const meshAt = Date.now();
  // Text that was typed meanwhile stays, and has a request of its own.
  if (isSame && state.filter !== filter) return { meshes, selected, mesh, meshAt };
  return { meshes, selected, mesh, meshAt, proxies, filter };
}

function refreshList(): void {
  const { selected, filter } = state;
  if (selected === undefined) return;
  attempt(async () => {
    const proxies = await askProxies(selected, filter);
    // Another list may have been requested meanwhile.
    return state.selected === selected && state.filter === filter ? { proxies } : {};
  });
}

/** Requests the list soon, once for many events. */
function refreshListSoon(): void {
  if (listIsDue) return;
  listIsDue = true;
  setTimeout(() => {
    listIsDue = false;
    refreshList();
  }, listMs);
}

function setFilter(filter: ProxyFilter): void {
  change({ filter });
  clearTimeout(typing);
  typing = setTimeout(refreshList, 150);
}

const actions: Actions = {
  select: (mesh) => {
    location.hash = hashOf(mesh);
  },
  filter: (part) => setFilter({ ...state.filter, after: [], ...part }),
  release: () => {
    if (
      !confirm('Let go of everything that the guard holds? Trust that is held ends at once, in every mesh.')
    )
      return;
    attempt(async () => {
      await releaseGuard();
      return {};
    });
  },
};

addEventListener('hashchange', refresh);
setInterval(() => change({ now: Date.now() }), tickMs);
listen({
  connected: (isConnected) => change({ connection: isConnected ? 'live' : 'lost' }),
  state: (server) => {
    change({ server });
    refresh();
  },
  rollout: (rollout) => {
    change({ rollouts: new Map(state.rollouts).set(rollout.mesh, rollout) });
    if (rollout.mesh === state.selected) refreshListSoon();
  },
});
attempt(async () => ({ hints: await askHints() }));
refresh();
