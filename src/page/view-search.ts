import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { ProxySummary } from '../api/fleet-api-types.ts';
import { count } from './format.ts';
import type { PageState } from './page-state.ts';
import { linkTo } from './route.ts';
import { viewCertificates } from './view-certificates.ts';

/** Shows the meshes, CA certificates and proxies that contain a text. */
export function viewSearch({ route, meshes = [], certificates, proxies, now }: PageState): TemplateResult {
  if (route.kind !== 'search' || certificates === undefined || proxies === undefined)
    return html`<p class="faint">Searching…</p>`;
  const text = route.text.toLowerCase();
  const named = meshes.filter(({ name }) => name.toLowerCase().includes(text));
  const total = named.length + certificates.total + proxies.total;
  const rest = certificates.total - certificates.certificates.length;
  const moreProxies = proxies.total - proxies.proxies.length;
  return html`
    <section class="verdict">
      <h2>
        <span role="status" aria-live="polite">${count(total, 'result')} for “${route.text}”</span>
      </h2>
      ${
        named.length === 0
          ? nothing
          : html`<p>
              ${count(named.length, 'mesh', 'meshes')}:
              ${named.slice(0, 20).map(({ name }) => html`<a href=${linkTo({ kind: 'mesh', mesh: name })}>${name}</a> `)}
            </p>`
      }
      ${
        proxies.complete
          ? nothing
          : html`<p class="state expired">A worker does not answer: its proxies were not searched.</p>`
      }
      ${
        total === 0
          ? html`<p>
              The search compares the names of meshes, the subjects, fingerprints and trust domains of CA
              certificates, and the node IDs of proxies that are connected or lost.
            </p>`
          : nothing
      }
    </section>
    ${
      certificates.total === 0
        ? nothing
        : html`<section aria-labelledby="found-cas">
            <h2 id="found-cas">${count(certificates.total, 'CA certificate')}</h2>
            ${viewCertificates(certificates.certificates, now)}
            ${rest > 0 ? html`<p class="faint">${count(rest, 'more', 'more')}: type more of the name to find them.</p>` : nothing}
          </section>`
    }
    ${
      proxies.proxies.length === 0
        ? nothing
        : html`<section aria-labelledby="found-proxies">
            <h2 id="found-proxies">${count(proxies.total, 'proxy', 'proxies')}</h2>
            ${viewFound(proxies.proxies)}
            ${moreProxies > 0 ? html`<p class="faint">${count(moreProxies, 'more', 'more')}: type more of the name to find them.</p>` : nothing}
          </section>`
    }
  `;
}

function viewFound(proxies: readonly ProxySummary[]): TemplateResult {
  return html`<table class="cards">
    <thead>
      <tr>
        <th scope="col">Node</th>
        <th scope="col">Mesh</th>
        <th scope="col">State</th>
      </tr>
    </thead>
    <tbody>
      ${proxies.map(
        ({ node, mesh, state, address }) =>
          html`<tr>
            <th scope="row">
              ${
                // Without a node ID, the proxy has no view.
                node === ''
                  ? html`<span class="faint">(no node id)</span>`
                  : html`<a href=${linkTo({ kind: 'proxy', mesh, node })}><code>${node}</code></a>`
              }
              <span class="faint">${address}</span>
            </th>
            <td data-label="Mesh">${mesh}</td>
            <td data-label="State"><span class="badge ${state}">${state}</span></td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}
