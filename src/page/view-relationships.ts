import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { FederationList, FederationRelationship } from '../api/federation-api-types.ts';
import { count } from './format.ts';
import { viewTime } from './view-parts.ts';

const tones: Readonly<Record<FederationRelationship['state'], string>> = {
  fetched: 'good',
  restored: '',
  bootstrap: '',
  held: 'warn',
  failing: 'bad',
  withdrawn: 'bad',
  never: 'bad',
};
/** Number of relationships that are shown, those with an error first. The admin API has more. */
const most = 50;

/** Shows the trust domains of other parties whose bundles the server fetches for a mesh. */
export function viewRelationships(
  list: FederationList | undefined,
  mesh: string,
  now: number,
): TemplateResult | typeof nothing {
  const own = list?.relationships.filter((relationship) => relationship.mesh === mesh) ?? [];
  if (own.length === 0) return nothing;
  const sorted = own.toSorted((a, b) => Number(b.error !== undefined) - Number(a.error !== undefined));
  return html`<section aria-labelledby="relationships">
    <h2 id="relationships">Federated trust domains</h2>
    <table class="cards">
      <thead>
        <tr>
          <th scope="col">Trust domain</th>
          <th scope="col">State</th>
          <th scope="col">CAs</th>
          <th scope="col">Last fetch</th>
          <th scope="col">Next</th>
        </tr>
      </thead>
      <tbody>
        ${sorted.slice(0, most).map((relationship) => viewRow(relationship, now))}
      </tbody>
    </table>
    ${
      own.length > most
        ? html`<p class="faint">${count(own.length - most, 'more', 'more')} in the API.</p>`
        : nothing
    }
  </section>`;
}

function viewRow(
  { trustDomain, url, state, anchors, lastSuccessAt, nextAttemptAt, error }: FederationRelationship,
  now: number,
): TemplateResult {
  return html`<tr>
    <th scope="row">${trustDomain} <span class="faint">${url}</span></th>
    <td data-label="State">
      <span class="badge ${tones[state]}">${state}</span>
      ${error === undefined ? nothing : html`<span class="faint">${error.message}</span>`}
    </td>
    <td data-label="CAs">${anchors}</td>
    <td data-label="Last fetch">${lastSuccessAt === undefined ? '—' : viewTime(lastSuccessAt, now)}</td>
    <td data-label="Next">${nextAttemptAt === undefined ? '—' : viewTime(nextAttemptAt, now)}</td>
  </tr>`;
}
