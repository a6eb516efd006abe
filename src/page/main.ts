import { render } from 'lit-html';
import type { RolloutDetail } from '../api/fleet-api-types.ts';
import { connectWorker } from './connect-worker.ts';
import { askHints, askProxies, releaseGuard } from './ask.ts';
import { listen } from './event-stream.ts';
import type { Listener } from './event-stream.ts';
import { actionOf, keysAreOn, storeKeys } from './keys.ts';
import { loadShared, loadView } from './load.ts';
import { createNextFrame } from './next-frame.ts';
import { initialState, noData, readinessOf } from './page-state.ts';
import type { Actions, PageState } from './page-state.ts';
import { errorCount, problemsOf } from './problems.ts';
import { createRefresher } from './refresher.ts';
import { filterOf, linkTo, parseRoute, titleOf } from './route.ts';
import type { ProxyFilter, Route } from './route.ts';
import { serverTime } from './server-time.ts';
import { listenShared, listenWhileVisible } from './shared-events.ts';
import { applyTheme, storedTheme } from './theme.ts';
import type { Theme } from './theme.ts';
import { viewPage } from './view-page.ts';

/** The shortest time between two requests for the list of proxies, in milliseconds. */
const listMs = 1_000;
/** Interval at which a view is refreshed whose content changes without an event, in milliseconds. */
const unannouncedMs = 15_000;
/** Interval at which relative times are drawn again in a visible tab, in milliseconds. */
const tickMs = 1_000;

const root = document.querySelector<HTMLElement>('#page');
let state: PageState = initialState(parseRoute(location.hash), serverTime(), location.origin);
let viewIsDue = false;
/** The number of the last request for the list of proxies, and of the last one that is shown. */
const lists = { asked: 0, shown: 0 };
/** True until the list of proxies that the URL names is shown. */
let proxiesAreDue = isFiltered(state.route);
/** True until the view that was changed is drawn. */
let focusIsDue = false;
let typing: ReturnType<typeof setTimeout> | undefined;

const drawSoon = createNextFrame(
  () => {
    if (root === null) return;
    render(viewPage(state, actions), root);
    showProxies();
    focusView();
    document.title = titleOf(state.route, errorCount(state.problems), state.connection === 'lost');
  },
  { requestFrame: requestAnimationFrame.bind(globalThis), after },
);

function change(part: Partial<PageState>): void {
  state = { ...state, ...part };
  if ('meshes' in part || 'findings' in part || 'rollouts' in part || 'server' in part || 'about' in part) {
    state = {
      ...state,
      problems: problemsOf({
        ...state,
        meshes: state.meshes ?? [],
        readiness: readinessOf(state),
        answer: state.about?.readiness,
      }),
    };
  }
  drawSoon();
}

function attempt(work: () => Promise<Partial<PageState>>): void {
  work().then((part) => change({ failure: undefined, ...part }), showFailure);
}

function showFailure(error: unknown): void {
  // Without a connection every request fails; the page says so once.
  if (state.connection !== 'lost')
    change({ failure: error instanceof Error ? error.message : String(error) });
}

function after(milliseconds: number, work: () => void): void {
  setTimeout(work, milliseconds);
}

/** Requests everything that a change of the server can affect. */
const refresher = createRefresher({
  ask: async () => {
    const { route } = state;
    const asked = loadShared();
    const [shared, view] = await Promise.all([asked, loadView(route, asked)]);
    // A filter that was changed meanwhile has a request of its own.
    return () =>
      change({
        failure: undefined,
        ...shared,
        ...view,
        ...(state.route !== route && { proxies: state.proxies }),
      });
  },
  failed: showFailure,
  after,
  now: () => performance.now(),
});

/** Requests soon, once for many events, what a roll-out changes in the view. */
function refreshViewSoon(): void {
  if (viewIsDue) return;
  viewIsDue = true;
  setTimeout(() => {
    viewIsDue = false;
    if (state.route.kind === 'mesh' && state.rollouts.get(state.route.mesh)?.converged === false)
      refreshList();
    else refresher.soon();
  }, listMs);
}

/**
 * True if the view has gates of a rotation, consumers, fetched bundles, or proxies of meshes without a MeshTrust: the
 * server sends no events of them.
 */
function changesUnannounced({ route, rotations, consumers, federation }: PageState): boolean {
  if (route.kind === 'overview') return true;
  const lists = [rotations?.rotations, consumers?.published, federation?.relationships];
  return lists.some((list) => (list?.length ?? 0) > 0);
}

/** True if a roll-out is part of the view. The overview shows its end only. */
function shows({ mesh, converged }: RolloutDetail): boolean {
  const { route } = state;
  if (route.kind === 'overview') return converged;
  return (route.kind === 'mesh' || route.kind === 'proxy') && route.mesh === mesh;
}

function refreshList(): void {
  const { route } = state;
  if (route.kind !== 'mesh') return;
  lists.asked += 1;
  const mine = lists.asked;
  attempt(async () => {
    const proxies = await askProxies(route.mesh, filterOf(route));
    // Another list may have been requested meanwhile, and have been answered before this one.
    if (state.route !== route || mine < lists.shown) return {};
    lists.shown = mine;
    return { proxies };
  });
}

/** Changes the filter in the URL as well. The browser's history has one entry for the view, not one for each letter. */
function setFilter(part: Partial<ProxyFilter>): void {
  const { route } = state;
  if (route.kind !== 'mesh') return;
  const fragment = linkTo({ ...route, filter: { ...filterOf(route), after: [], ...part } });
  history.replaceState(null, '', fragment);
  change({ route: parseRoute(fragment) });
  clearTimeout(typing);
  typing = setTimeout(refreshList, 150);
}

function setTheme(theme: Theme): void {
  applyTheme(theme);
  change({ theme });
}

function showHelp(): void {
  document.querySelector<HTMLDialogElement>('#help')?.showModal();
}

function onKey(event: KeyboardEvent): void {
  const target = event.target instanceof Element ? event.target : document.body;
  const action = state.keys
    ? actionOf(event, target.closest('input, select, textarea, dialog') !== null)
    : undefined;
  if (action === undefined) return;
  event.preventDefault();
  if (action.kind === 'help') showHelp();
  else if (action.kind === 'go') location.hash = action.link;
  else document.querySelector<HTMLInputElement>('.find input')?.select();
}

function showRoute(): void {
  const [before, route] = [state.route, parseRoute(location.hash)];
  proxiesAreDue = isFiltered(route);
  if (before.kind === 'mesh' && route.kind === 'mesh' && before.mesh === route.mesh) {
    change({ route });
    refreshList();
  } else {
    focusIsDue = !proxiesAreDue;
    change({ ...noData, route, copied: undefined, failure: undefined });
    refresher.begin();
  }
  if (!proxiesAreDue) scrollTo(0, 0);
}

/** Without this, the focus is lost with the link that was followed, and a screen reader notices no new view. */
function focusView(): void {
  const view = document.querySelector<HTMLElement>('#content');
  if (!focusIsDue || view === null) return;
  focusIsDue = false;
  // A search stays in its field.
  if (document.activeElement?.matches('.find input') !== true) view.focus({ preventScroll: true });
}

/** True if the URL names some proxies of a mesh: the page shows their list first. */
function isFiltered(route: Route): boolean {
  return route.kind === 'mesh' && route.filter !== undefined;
}

function showProxies(): void {
  const heading = document.querySelector<HTMLElement>('#proxies');
  if (!proxiesAreDue || heading === null || state.proxies === undefined) return;
  proxiesAreDue = false;
  heading.focus();
  heading.scrollIntoView();
}

const actions: Actions = {
  filter: setFilter,
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
  keys: (areOn) => {
    storeKeys(areOn);
    change({ keys: areOn });
  },
  help: showHelp,
  copy: (text) => {
    attempt(async () => {
      if (!isSecureContext)
        throw new Error('A browser copies only from pages with HTTPS: select the text instead.');
      await navigator.clipboard.writeText(text);
      return { copied: text };
    });
  },
};

setTheme(storedTheme());
change({ keys: keysAreOn() });
addEventListener('hashchange', showRoute);
addEventListener('keydown', onKey);
setInterval(() => {
  if (document.visibilityState === 'visible') change({ now: serverTime() });
}, tickMs);
setInterval(() => {
  if (changesUnannounced(state) && document.visibilityState === 'visible') refresher.soon();
}, unannouncedMs);
const listener: Listener = {
  connected: () => {
    // The server may have restarted. It sends the newest events again, and knows nothing of those before.
    const unknown = { server: undefined, rollouts: new Map<string, RolloutDetail>() };
    change({ connection: 'live', failure: undefined, openedAt: serverTime(), ...unknown });
    refresher.soon();
  },
  lost: (at) => {
    if (state.connection !== 'lost') change({ connection: 'lost', lostAt: at });
  },
  state: (server) => {
    change({ server });
    refresher.soon();
  },
  rollout: (rollout) => {
    change({ rollouts: new Map(state.rollouts).set(rollout.mesh, rollout) });
    if (shows(rollout)) refreshViewSoon();
  },
};
listenShared(listener, {
  connect: connectWorker,
  alone: () =>
    listenWhileVisible(
      () => listen(listener, { open: () => new EventSource('/api/v1/events'), after, now: serverTime }),
      listener,
      {
        visibility: {
          isVisible: () => document.visibilityState === 'visible',
          follow: (changed) => document.addEventListener('visibilitychange', changed),
        },
        now: serverTime,
      },
    ),
  after,
  now: serverTime,
});
attempt(async () => ({ hints: await askHints() }));
refresher.begin();
