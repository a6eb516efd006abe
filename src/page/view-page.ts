import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import { count, duration, sinceText, timeOfDay } from './format.ts';
import type { Actions, PageState } from './page-state.ts';
import { linkTo } from './route.ts';
import { nextTheme } from './theme.ts';
import { viewCaPage } from './view-ca-page.ts';
import { viewAllCertificates } from './view-certificates.ts';
import { viewCode } from './view-code.ts';
import { viewCrumbs } from './view-crumbs.ts';
import { viewFindings } from './view-findings.ts';
import { viewMesh } from './view-mesh.ts';
import { viewOverview } from './view-overview.ts';
import { viewCommands } from './view-parts.ts';
import { viewProxies } from './view-proxies.ts';
import { viewProxyPage } from './view-proxy-page.ts';
import { viewSearch } from './view-search.ts';
import { keys } from './keys.ts';

const themeMarks = { system: '◐', light: '○', dark: '●' } as const;
const connections = { connecting: 'connecting', live: 'live', lost: 'connection lost' } as const;

/** The URL names the view, so a click on this link must not change it. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#content')?.focus();
}

/** Shows the whole page. */
export function viewPage(state: PageState, actions: Actions): TemplateResult {
  const { failure, connection } = state;
  return html`
    <a class="skip" href="#content" @click=${skip}>Skip to the content</a>
    ${viewHeader(state, actions)} ${connection === 'lost' ? viewLost(state) : nothing}
    ${failure === undefined ? nothing : html`<p class="banner bad" role="alert">${failure}</p>`}
    <div class="body ${connection === 'lost' ? 'outdated' : ''}">
      <div class="bar-row">${viewCrumbs(state.route)} ${viewCommands(state, actions)}</div>
      <main id="content" tabindex="-1">${viewContent(state, actions)}</main>
    </div>
    ${viewFooter(state, actions)} ${viewHelp(state, actions)}
  `;
}

function viewHeader({ connection, server, theme, route }: PageState, actions: Actions): TemplateResult {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem('search');
    actions.search((field as HTMLInputElement).value.trim());
  };
  return html`<header class="top">
    <h1>
      <a href=${linkTo({ kind: 'overview' })}
        ><img src="/ui/icon.svg" alt="" width="22" height="22" /> meshtrust</a
      >
    </h1>
    <form role="search" class="find" @submit=${submit}>
      <label
        ><span class="unseen">Search meshes, CAs, proxies</span>
        <input
          type="search"
          name="search"
          placeholder="Search meshes, CAs, proxies"
          autocomplete="off"
          .value=${route.kind === 'search' ? route.text : ''}
      /></label>
    </form>
    ${
      // The last known state may be outdated.
      server === undefined || connection === 'lost'
        ? nothing
        : html`<span class="badge ${server.readiness === 'ready' ? 'good' : 'bad'}"
            >${server.readiness}</span
          >`
    }
    <span class="badge ${connection}" role="status" aria-live="polite">${connections[connection]}</span>
    <button
      type="button"
      class="quiet"
      title="Colours: ${theme}"
      @click=${() => actions.theme(nextTheme(theme))}
    >
      <span aria-hidden="true">${themeMarks[theme]}</span><span class="unseen">Colours: ${theme}</span>
    </button>
  </header>`;
}

function viewLost({ lostAt, now }: PageState): TemplateResult {
  return html`<p class="banner bad">
    <strong>No connection to the server.</strong> This is the state of ${timeOfDay(lostAt)},
    <span class="age">${duration(Math.max(0, now - lostAt))}</span> ago. The page reconnects by itself.
  </p>`;
}

function viewContent(state: PageState, actions: Actions): TemplateResult {
  const { route, missing, findings, hints, proxies, now } = state;
  if (missing !== undefined)
    return html`<section>
        <h2>Not found</h2>
        <p>${missing}</p>
      </section>
      ${route.kind === 'mesh' && proxies !== undefined ? viewProxies(state, actions) : nothing}`;
  switch (route.kind) {
    case 'overview':
      return viewOverview(state);
    case 'cas':
      return viewAllCertificates(state);
    case 'findings':
      return viewFindings(findings?.findings, hints, now);
    case 'mesh':
      return viewMesh(state, actions);
    case 'proxy':
      return viewProxyPage(state, actions);
    case 'ca':
      return viewCaPage(state, actions);
    case 'code':
      return viewCode(state);
    case 'search':
      return viewSearch(state);
  }
}

function viewFooter({ about, now }: PageState, { help }: Actions): TemplateResult {
  return html`<footer>
    ${
      about === undefined
        ? nothing
        : html`<span
              >meshtrust
              ${about.version}${
                about.startedAt === undefined ? '' : `, up ${sinceText(about.startedAt, now)}`
              }</span
            >
            ${about.sources.map(
              ({ name, synced, accepted, rejected }) =>
                html`<span
                  >source ${name}:
                  ${synced ? count(accepted, 'resource') : 'not read yet'}${
                    rejected > 0 ? html`, <span class="state expired">${rejected} rejected</span>` : nothing
                  }</span
                >`,
            )}`
    }
    <a href="/api/v1/meshes">API</a>
    <a href="/metrics">Metrics</a>
    ${
      about?.documentation === undefined
        ? nothing
        : html`<a href="${about.documentation}README.md" rel="noreferrer">Documentation</a>`
    }
    <button type="button" class="link" @click=${help}>Keys</button>
  </footer>`;
}

/** Shows the keys of the page, in a dialog that `showModal` opens. */
function viewHelp({ keys: areOn }: PageState, actions: Actions): TemplateResult {
  return html`<dialog id="help" aria-labelledby="help-title">
    <h2 id="help-title">Keys</h2>
    <dl class="keys">
      ${keys.map(
        ({ key, meaning }) =>
          html`<dt><kbd>${key}</kbd></dt>
            <dd>${meaning}</dd>`,
      )}
    </dl>
    <label
      ><input
        type="checkbox"
        name="keys"
        .checked=${areOn}
        @change=${(event: Event) => actions.keys((event.target as HTMLInputElement).checked)}
      />
      Use these keys</label
    >
    <form method="dialog"><button>Close</button></form>
  </dialog>`;
}
