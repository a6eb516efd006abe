import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { AnyProxyState, ProxySummary } from '../api/fleet-api-types.ts';
import { count, short, sinceText } from './format.ts';
import type { Actions, PageState } from './page-state.ts';
import { viewTime } from './view-parts.ts';
import { filterOf, linkTo, listedStates, noFilter } from './route.ts';
import type { ProxyFilter } from './route.ts';

/** States of a proxy that has a problem. */
const attention: ReadonlySet<AnyProxyState> = new Set(['stale', 'refused', 'lost']);

/** Shows the proxies of a mesh, by pages. */
export function viewProxies({ about, proxies, route, now }: PageState, actions: Actions): TemplateResult {
  const filter = filterOf(route);
  const { after } = filter;
  const next = proxies?.next;
  // Without authentication, no proxy has an identity.
  const hasIdentities =
    filter.identity !== '' || about?.xdsAuthentication?.methods.some((method) => method !== 'none') === true;
  return html`<section aria-labelledby="proxies">
    <h2 id="proxies" tabindex="-1">Proxies</h2>
    <form class="filter" role="search" @submit=${(event: Event) => event.preventDefault()}>
      <label
        >Node
        <input
          type="search"
          name="node"
          autocomplete="off"
          .value=${filter.node}
          @input=${(event: Event) => actions.filter({ node: (event.target as HTMLInputElement).value })}
      /></label>
      ${hasIdentities ? viewIdentityFilter(filter, actions) : nothing}
      <label
        >State
        <select
          name="state"
          @change=${(event: Event) =>
            actions.filter({ state: (event.target as HTMLSelectElement).value as ProxyFilter['state'] })}
        >
          <option value="" .selected=${filter.state === ''}>all but disconnected</option>
          ${
            // The property: once a person has chosen an option, its attribute has no effect any more.
            listedStates.map(
              (state) =>
                html`<option value=${state} .selected=${filter.state === state}>
                  ${state === 'behind' ? 'all that are not in sync' : state}
                </option>`,
            )
          }
        </select></label
      >
      ${filter.version === '' ? nothing : html`<span>Version <code>${filter.version}</code></span>`}
      ${
        isFiltered(filter)
          ? html`<button type="button" @click=${() => actions.filter(noFilter)}>Show all</button>`
          : nothing
      }
      <span class="faint" role="status" aria-live="polite"
        >${proxies === undefined ? '' : count(proxies.total, 'proxy', 'proxies')}${
          proxies?.complete === false ? ', and those of a worker that does not answer' : ''
        }</span
      >
    </form>
    ${
      proxies === undefined || proxies.proxies.length === 0
        ? html`<p class="faint">
            ${proxies === undefined ? 'Loading…' : isFiltered(filter) ? 'No proxy matches.' : 'No proxy is connected.'}
          </p>`
        : html`<table class="cards proxies">
              <thead>
                <tr>
                  <th scope="col">Node</th>
                  ${hasIdentities ? html`<th scope="col">Identity</th>` : nothing}
                  <th scope="col">State</th>
                  <th scope="col">Version</th>
                  <th scope="col">Acknowledged</th>
                  <th scope="col">Proxy</th>
                  <th scope="col">Connected</th>
                </tr>
              </thead>
              <tbody>
                ${proxies.proxies.map((proxy) => viewProxy(proxy, hasIdentities, now))}
              </tbody>
            </table>
            <p class="faint small-only">The page of each proxy has its versions and streams.</p>`
    }
    ${
      after.length > 0 || next !== undefined
        ? html`<p class="pages">
            <button
              type="button"
              ?disabled=${after.length === 0}
              @click=${() => actions.filter({ after: after.slice(0, -1) })}
            >
              Previous
            </button>
            <button
              type="button"
              ?disabled=${next === undefined}
              @click=${() => actions.filter({ after: next === undefined ? after : [...after, next] })}
            >
              Next
            </button>
          </p>`
        : nothing
    }
  </section>`;
}

function viewIdentityFilter({ identity }: ProxyFilter, actions: Actions): TemplateResult {
  return html`<label
    >Identity
    <input
      type="search"
      name="identity"
      autocomplete="off"
      .value=${identity}
      @input=${(event: Event) => actions.filter({ identity: (event.target as HTMLInputElement).value })}
  /></label>`;
}

function isFiltered({ node, identity, state, version }: ProxyFilter): boolean {
  return node !== '' || identity !== '' || state !== '' || version !== '';
}

function viewProxy(proxy: ProxySummary, hasIdentities: boolean, now: number): TemplateResult {
  const { node, address, state, version, ackedAt, ackMs, transports, connectedAt, disconnectedAt } = proxy;
  return html`<tr class=${attention.has(state) ? 'bad' : ''}>
    <th scope="row">
      ${
        node === ''
          ? html`<span class="faint">(no node id)</span>`
          : html`<a href=${linkTo({ kind: 'proxy', mesh: proxy.mesh, node })}><code>${node}</code></a>`
      }
      <div class="faint">${address}</div>
    </th>
    ${hasIdentities ? html`<td data-label="Identity"><code>${proxy.identity ?? '—'}</code></td>` : nothing}
    <td data-label="State">
      <span class="badge ${state}">${state}</span>
      ${
        proxy.behindSince === undefined
          ? nothing
          : html`<div class="faint">${sinceText(proxy.behindSince, now)}</div>`
      }
      ${state === 'refused' && proxy.lastNack !== undefined ? html`<q>${proxy.lastNack.message}</q>` : nothing}
    </td>
    <td class="mono" data-label="Version" title=${version ?? ''}>
      ${version === undefined ? '—' : short(version)}
    </td>
    <td data-label="Acknowledged">
      ${ackedAt === undefined ? '—' : viewTime(ackedAt, now)}
      ${ackMs === undefined ? nothing : html`<div class="faint">after ${ackMs} ms</div>`}
    </td>
    <td data-label="Proxy">
      ${proxy.proxy}
      <div class="faint">${transports.join(', ')}</div>
    </td>
    <td data-label="Connected">
      ${
        disconnectedAt === undefined
          ? viewTime(connectedAt, now)
          : html`left ${viewTime(disconnectedAt, now)}`
      }
    </td>
  </tr>`;
}
