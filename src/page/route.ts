import type { AnyProxyState } from '../api/fleet-api-types.ts';

/** The states of a proxy during a roll-out, in the order of the page. */
export const rolloutStates = [
  'synced',
  'pending',
  'stale',
  'refused',
  'reconnecting',
  'lost',
] as const satisfies readonly AnyProxyState[];
/** The states of proxies that do not have the served version. */
export const behindStates = rolloutStates.slice(1);
/** All states by which the list of proxies can be filtered; `behind` stands for `behindStates`. */
export const listedStates = [
  'behind',
  ...rolloutStates,
  'disconnected',
] as const satisfies readonly ProxyFilter['state'][];

/** The filter of the list of proxies. */
export interface ProxyFilter {
  /** Part of the node ID. */
  readonly node: string;
  /** Part of the authenticated identity. */
  readonly identity: string;
  readonly state: AnyProxyState | 'behind' | '';
  /** The first digits of the version of the mesh that the proxies have acknowledged. */
  readonly version: string;
  /** The `next` of the previous page, and those of the pages before it, so that one can go back. */
  readonly after: readonly string[];
}

export const noFilter: ProxyFilter = { node: '', identity: '', state: '', version: '', after: [] };

/**
 * The view that the page shows. The URL fragment names the view, so that every view has a link and the browser's
 * history works.
 */
export type Route =
  | { readonly kind: 'overview' }
  | { readonly kind: 'findings' }
  | { readonly kind: 'cas' }
  /** `filter` is absent if it is `noFilter`. */
  | { readonly kind: 'mesh'; readonly mesh: string; readonly filter?: Partial<ProxyFilter> }
  | { readonly kind: 'proxy'; readonly mesh: string; readonly node: string }
  | { readonly kind: 'ca'; readonly fingerprint: string }
  | { readonly kind: 'code'; readonly code: string }
  | { readonly kind: 'search'; readonly text: string };

/** Returns the view that a URL fragment names; the overview for a fragment that names none. */
export function parseRoute(fragment: string): Route {
  const [path = '', query = ''] = split(fragment.replace(/^#\/?/, ''), '?');
  const [kind, first, ...more] = path.split('/').map(decodeOr);
  if (kind === 'findings' || kind === 'cas') return { kind };
  if (first === undefined || first === '') return { kind: 'overview' };
  if (kind === 'mesh' && more.length === 0) return { kind, mesh: first, ...filterIn(query) };
  if (kind === 'proxy' && more.length === 1) return { kind, mesh: first, node: more[0] ?? '' };
  if (kind === 'ca' && more.length === 0) return { kind, fingerprint: first };
  if (kind === 'code' && more.length === 0) return { kind, code: first };
  if (kind === 'search' && more.length === 0) return { kind, text: first };
  return { kind: 'overview' };
}

/** Returns the URL fragment of a view. */
export function linkTo(route: Route): string {
  switch (route.kind) {
    case 'overview':
      return '#/';
    case 'findings':
    case 'cas':
      return `#/${route.kind}`;
    case 'mesh':
      return `#/mesh/${encodeURIComponent(route.mesh)}${queryOf(filterOf(route))}`;
    case 'proxy':
      return `#/proxy/${encodeURIComponent(route.mesh)}/${encodeURIComponent(route.node)}`;
    case 'ca':
      return `#/ca/${encodeURIComponent(route.fingerprint)}`;
    case 'code':
      return `#/code/${encodeURIComponent(route.code)}`;
    case 'search':
      return `#/search/${encodeURIComponent(route.text)}`;
  }
}

/** Returns the filter of the proxies of a view. */
export function filterOf(route: Route): ProxyFilter {
  return { ...noFilter, ...(route.kind === 'mesh' && route.filter) };
}

/** Returns the name of a view; undefined for the overview. */
export function nameOf(route: Route): string | undefined {
  switch (route.kind) {
    case 'overview':
      return undefined;
    case 'findings':
      return 'Findings';
    case 'cas':
      return 'CA certificates';
    case 'mesh':
      return route.mesh;
    case 'proxy':
      return route.node;
    case 'ca':
      return `CA ${route.fingerprint.slice(0, 16)}`;
    case 'code':
      return route.code;
    case 'search':
      return `Search: ${route.text}`;
  }
}

/** Returns the title of the tab: the number of problems first, so that it can be read among many tabs. */
export function titleOf(route: Route, problems: number, isLost: boolean): string {
  const mark = isLost ? '(?) ' : problems > 0 ? `(${problems}) ` : '';
  const view = nameOf(route);
  return `${mark}${view === undefined ? '' : `${view} · `}meshtrust`;
}

/** Returns the query of a URL fragment that has a filter. A state that does not exist is ignored. */
function filterIn(query: string): { readonly filter?: Partial<ProxyFilter> } {
  const given = new URLSearchParams(query);
  const state = listedStates.find((known) => known === given.get('state'));
  const [node, identity, version] = [given.get('node'), given.get('identity'), given.get('version')];
  const after = given.getAll('after');
  const filter = {
    ...(node !== null && node !== '' && { node }),
    ...(identity !== null && identity !== '' && { identity }),
    ...(state !== undefined && { state }),
    ...(version !== null && version !== '' && { version }),
    ...(after.length > 0 && { after }),
  };
  return Object.keys(filter).length === 0 ? {} : { filter };
}

function queryOf({ node, identity, state, version, after }: ProxyFilter): string {
  const query = new URLSearchParams();
  if (node !== '') query.set('node', node);
  if (identity !== '') query.set('identity', identity);
  if (state !== '') query.set('state', state);
  if (version !== '') query.set('version', version);
  for (const page of after) query.append('after', page);
  return query.size === 0 ? '' : `?${query.toString()}`;
}

/** Splits a text at the first separator. */
function split(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decodeOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
