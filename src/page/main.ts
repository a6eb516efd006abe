import { render } from 'lit-html';
import type { RolloutDetail } from '../api/fleet-api-types.ts';
import { askHints, askProxies, releaseGuard } from './ask.ts';
import { listen } from './listen.ts';
import { loadShared, loadView } from './load.ts';
import { initialState, noData, noFilter, readinessOf } from './page-state.ts';
import type { Actions, PageState, ProxyFilter } from './page-state.ts';
import { errorCount, problemsOf } from './problems.ts';
import { linkTo, parseRoute } from './route.ts';
import { serverTime } from './server-time.ts';
import { applyTheme, storedTheme } from './theme.ts';
import type { Theme } from './theme.ts';
import { titleOf } from './title.ts';
import { viewPage } from './view-page.ts';

/** The shortest time between two refreshes because of changes, in milliseconds. */
const refreshMs = 500;
/** The shortest time between two requests for the list of proxies, in milliseconds. */
const listMs = 1_000;
/** Interval at which relative times are drawn again, in milliseconds. */
const tickMs = 1_000;

const root = document.querySelector<HTMLElement>('#page');
let state: PageState = initialState(parseRoute(location.hash), serverTime());
let isDrawing = false;
let viewIsDue = false;
let refreshes = 0;
let refreshedAt = -Infinity;
let refreshIsDue = false;
let typing: ReturnType<typeof setTimeout> | undefined;

function change(part: Partial<PageState>): void {
  state = { ...state, ...part };
  if ('meshes' in part || 'findings' in part || 'rollouts' in part || 'server' in part || 'about' in part) {
    state = {
      ...state,
      problems: problemsOf({ ...state, meshes: state.meshes ?? [], readiness: readinessOf(state) }),
    };
  }
  if (isDrawing || root === null) return;
  isDrawing = true;
  // Several changes within a frame are drawn once.
  requestAnimationFrame(() => {
    isDrawing = false;
    render(viewPage(state, actions), root);
    document.title = titleOf(state.route, errorCount(state.problems), state.connection);
  });
}

function attempt(work: () => Promise<Partial<PageState>>): void {
  work().then(
    (part) => change({ failure: undefined, ...part }),
    (error: unknown) => {
      // Without a connection every request fails; the page says so once.
      if (state.connection !== 'lost')
        change({ failure: error instanceof Error ? error.message : String(error) });
    },
  );
}

/** Requests everything at once, or if that was just done, once for many changes after a while. */
function refreshSoon(): void {
  if (refreshIsDue) return;
  if (performance.now() - refreshedAt >= refreshMs) {
    refresh();
    return;
  }
  refreshIsDue = true;
  setTimeout(() => {
    refreshIsDue = false;
    refresh();
  }, refreshMs);
}

/** Requests everything that a change of the server can affect. */
function refresh(): void {
  refreshedAt = performance.now();
  refreshes += 1;
  const mine = refreshes;
  attempt(async () => {
    const { route, filter } = state;
    const [shared, view] = await Promise.all([loadShared(), loadView(route, filter)]);
    // A later request is about the view that is shown now, and may have been answered before this one.
    if (mine !== refreshes) return {};
    // Text that was typed meanwhile stays, and has a request of its own.
    return { ...shared, ...view, ...(state.filter !== filter && { proxies: state.proxies }) };
  });
}

/** Requests soon, once for many events, what a roll-out changes in the view. */
function refreshViewSoon(): void {
  if (viewIsDue) return;
  viewIsDue = true;
  setTimeout(() => {
    viewIsDue = false;
    if (state.route.kind === 'mesh' && state.rollouts.get(state.route.mesh)?.converged === false)
      refreshList();
    else refresh();
  }, listMs);
}

/** True if a roll-out is part of the view. The overview shows its end only. */
function shows({ mesh, converged }: RolloutDetail): boolean {
  const { route } = state;
  if (route.kind === 'overview') return converged;
  return (route.kind === 'mesh' || route.kind === 'proxy') && route.mesh === mesh;
}

function refreshList(): void {
  const { route, filter } = state;
  if (route.kind !== 'mesh') return;
  attempt(async () => {
    const proxies = await askProxies(route.mesh, filter);
    // Another list may have been requested meanwhile.
    return state.route === route && state.filter === filter ? { proxies } : {};
  });
}

function setFilter(filter: ProxyFilter): void {
  change({ filter });
  clearTimeout(typing);
  typing = setTimeout(refreshList, 150);
}

function setTheme(theme: Theme): void {
  applyTheme(theme);
  change({ theme });
}

function showRoute(): void {
  change({
    ...noData,
    route: parseRoute(location.hash),
    filter: noFilter,
    copied: undefined,
    failure: undefined,
  });
  scrollTo(0, 0);
  refresh();
}

const actions: Actions = {
  filter: (part) => setFilter({ ...state.filter, after: [], ...part }),
  release: (mesh) => {
    const question = `Release the guard of mesh ${mesh}? The trust domains that it holds are removed at once, and proxies refuse their clients.`;
    if (!confirm(question)) return;
    attempt(async () => {
      await releaseGuard(mesh);
      return {};
    });
  },
  search: (text) => {
    location.hash = text === '' ? linkTo({ kind: 'overview' }) : linkTo({ kind: 'search', text });
  },
  theme: setTheme,
  copy: (text) => {
    attempt(async () => {
      await navigator.clipboard.writeText(text);
      return { copied: text };
    });
  },
};

setTheme(storedTheme());
addEventListener('hashchange', showRoute);
setInterval(() => change({ now: serverTime() }), tickMs);
listen({
  connected: (isConnected) => {
    if (isConnected) change({ connection: 'live', failure: undefined });
    else if (state.connection !== 'lost') change({ connection: 'lost', lostAt: serverTime() });
  },
  state: (server) => {
    change({ server });
    refreshSoon();
  },
  rollout: (rollout) => {
    change({ rollouts: new Map(state.rollouts).set(rollout.mesh, rollout) });
    if (shows(rollout)) refreshViewSoon();
  },
});
attempt(async () => ({ hints: await askHints() }));
refresh();
