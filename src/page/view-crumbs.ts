import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import { linkTo } from './route.ts';
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

function partsOf(route: Route): readonly { readonly text: string; readonly link: string }[] {
  const link = linkTo(route);
  switch (route.kind) {
    case 'overview':
      return [];
    case 'findings':
      return [{ text: 'Findings', link }];
    case 'mesh':
      return [{ text: route.mesh, link }];
    case 'proxy':
      return [
        { text: route.mesh, link: linkTo({ kind: 'mesh', mesh: route.mesh }) },
        { text: route.node, link },
      ];
    case 'ca':
      return [{ text: `CA ${route.fingerprint.slice(0, 16)}`, link }];
    case 'code':
      return [
        { text: 'Findings', link: linkTo({ kind: 'findings' }) },
        { text: route.code, link },
      ];
    case 'search':
      return [{ text: `Search: ${route.text}`, link }];
  }
}
