import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { MeshSummary } from '../api/api-types.ts';
import { count, short } from './format.ts';
import { connectedTo, hashOf } from './page-state.ts';
import type { Actions, PageState } from './page-state.ts';
import { viewMesh } from './view-mesh.ts';

const connections = { connecting: 'connecting', live: 'live', lost: 'connection lost' } as const;

/** The URL names the mesh, so a click on a link must not change it. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#content')?.focus();
}

/** Shows the whole page. */
export function viewPage(state: PageState, actions: Actions): TemplateResult {
  const { meshes, problem, connection, server } = state;
  return html`
    <a class="skip" href="#content" @click=${skip}>Skip to the mesh</a>
    <header class="top">
      <h1><img src="/ui/icon.svg" alt="" width="22" height="22" /> meshtrust</h1>
      ${
        // The last known state may be outdated.
        server === undefined || connection === 'lost'
          ? nothing
          : html`<span class="badge ${server.readiness === 'ready' ? 'good' : 'bad'}"
              >${server.readiness}</span
            >`
      }
      <span class="badge ${connection}" role="status">${connections[connection]}</span>
    </header>
    ${problem === undefined ? nothing : html`<p class="problem" role="alert">${problem}</p>`}
    <div class="columns">
      <nav aria-label="Meshes">
        <h2>Meshes</h2>
        ${
          meshes === undefined
            ? html`<p class="faint">Asking…</p>`
            : meshes.length === 0
              ? html`<p class="faint">Nothing was ever listed. Proxies that connect refuse every client.</p>`
              : html`<ul>
                  ${meshes.map((mesh) => viewEntry(mesh, state))}
                </ul>`
        }
      </nav>
      <main id="content" tabindex="-1">${viewMesh(state, actions)}</main>
    </div>
  `;
}

function viewEntry(mesh: MeshSummary, state: PageState): TemplateResult {
  const { name, denyAll, trustDomains, findings, version } = mesh;
  const waiting = state.rollouts.get(name);
  const lag = waiting === undefined ? 0 : waiting.proxies.connected - waiting.proxies.synced;
  const lost = waiting === undefined ? 0 : waiting.proxies.reconnecting + waiting.proxies.lost;
  return html`<li>
    <a href=${hashOf(name)} aria-current=${name === state.selected ? 'page' : nothing}>
      <strong>${name}</strong>
      <span class="faint mono" title=${version}>${short(version)}</span>
      <span class="faint"
        >${count(trustDomains, 'trust domain')} · ${count(connectedTo(mesh, state), 'proxy', 'proxies')}</span
      >
      <span class="marks">
        ${denyAll ? html`<span class="badge bad">no CA</span>` : nothing}
        ${lag > 0 ? html`<span class="badge warn">${lag.toLocaleString('en')} to go</span>` : nothing}
        ${lost > 0 ? html`<span class="badge lost">${lost.toLocaleString('en')} lost</span>` : nothing}
        ${findings.error > 0 ? html`<span class="badge bad">${count(findings.error, 'error')}</span>` : nothing}
        ${findings.warning > 0 ? html`<span class="badge warn">${count(findings.warning, 'warning')}</span>` : nothing}
      </span>
    </a>
  </li>`;
}
