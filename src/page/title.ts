import type { PageState } from './page-state.ts';
import type { Route } from './route.ts';

/** Returns the title of the tab: the number of problems first, so that it can be read among many tabs. */
export function titleOf(route: Route, problems: number, connection: PageState['connection']): string {
  const mark = connection === 'lost' ? '(?) ' : problems > 0 ? `(${problems}) ` : '';
  const view = nameOf(route);
  return `${mark}${view === undefined ? '' : `${view} · `}meshtrust`;
}

function nameOf(route: Route): string | undefined {
  switch (route.kind) {
    case 'overview':
      return undefined;
    case 'findings':
      return 'findings';
    case 'mesh':
      return route.mesh;
    case 'proxy':
      return route.node;
    case 'ca':
      return `CA ${route.fingerprint.slice(0, 16)}`;
    case 'code':
      return route.code;
    case 'search':
      return route.text;
  }
}
