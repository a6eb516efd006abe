/** What the page shows. The URL fragment names it, so that every view has a link and the browser's history works. */
export type Route =
  | { readonly kind: 'overview' }
  | { readonly kind: 'findings' }
  | { readonly kind: 'mesh'; readonly mesh: string }
  | { readonly kind: 'proxy'; readonly mesh: string; readonly node: string }
  | { readonly kind: 'ca'; readonly fingerprint: string }
  | { readonly kind: 'code'; readonly code: string }
  | { readonly kind: 'search'; readonly text: string };

/** Returns the view that a URL fragment names; the overview for a fragment that names none. */
export function parseRoute(fragment: string): Route {
  const [kind, first, ...more] = fragment.replace(/^#\/?/, '').split('/').map(decodeOr);
  if (kind === 'findings') return { kind };
  if (first === undefined || first === '') return { kind: 'overview' };
  if (kind === 'mesh' && more.length === 0) return { kind, mesh: first };
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
      return '#/findings';
    case 'mesh':
      return `#/mesh/${encodeURIComponent(route.mesh)}`;
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

function decodeOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
