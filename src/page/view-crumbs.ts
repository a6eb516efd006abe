import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import { linkTo, nameOf } from './route.ts';
import type { Route } from './route.ts';

/** Shows the way from the overview to the view. */
export function viewCrumbs(route: Route): TemplateResult {
  return html`<nav aria-label="Breadcrumb" class="crumbs">
    <ol>
      <li>
        <a href=${linkTo({ kind: 'overview' })} aria-current=${route.kind === 'overview' ? 'page' : nothing}
          >Overview</a
        >
      </li>
      ${partsOf(route).map(
        ({ text, link }) =>
          html`<li>
            <a href=${link} aria-current=${link === linkTo(route) ? 'page' : nothing}>${text}</a>
          </li>`,
      )}
    </ol>
  </nav>`;
}

/** The views between the overview and a view, and the view. */
function partsOf(route: Route): readonly { readonly text: string; readonly link: string }[] {
  const part = (of: Route) => ({ text: nameOf(of) ?? '', link: linkTo(of) });
  switch (route.kind) {
    case 'overview':
      return [];
    case 'proxy':
      return [part({ kind: 'mesh', mesh: route.mesh }), part(route)];
    case 'ca':
      return [part({ kind: 'cas' }), part(route)];
    case 'code':
      return [part({ kind: 'findings' }), part(route)];
    case 'findings':
    case 'cas':
    case 'mesh':
    case 'search':
      return [part(route)];
  }
}
