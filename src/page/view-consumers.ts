import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { ConsumerDetail, ConsumerList } from '../api/consumer-api-types.ts';
import { count } from './format.ts';
import { viewTime } from './view-parts.ts';

const tones = { current: 'good', sent: '', behind: 'warn', unknown: '' } as const;
/** Consumers that do not have the published bundle are first. */
const order: Readonly<Record<ConsumerDetail['state'], number>> = {
  behind: 0,
  unknown: 1,
  sent: 2,
  current: 3,
};
/** Number of consumers that are shown. The admin API has more. */
const most = 50;

/** Shows who fetched the bundles of a mesh from the bundle endpoint, and whether they have the published ones. */
export function viewConsumers(
  list: ConsumerList | undefined,
  mesh: string,
  now: number,
): TemplateResult | typeof nothing {
  const published = list?.published.filter((bundle) => bundle.mesh === mesh) ?? [];
  if (published.length === 0) return nothing;
  const own = list?.consumers.filter((consumer) => consumer.mesh === mesh) ?? [];
  const sorted = own.toSorted((a, b) => order[a.state] - order[b.state]);
  return html`<section aria-labelledby="consumers">
    <h2 id="consumers">Bundle endpoint</h2>
    <p class="faint">
      Published:
      ${published.map(({ trustDomain, keys }) => `${trustDomain} (${count(keys, 'CA')})`).join(', ')}
    </p>
    ${own.length === 0 ? html`<p class="faint">No consumer has fetched a bundle yet.</p>` : viewTable(sorted, now)}
    ${
      own.length > most
        ? html`<p class="faint">${count(own.length - most, 'more', 'more')} in the API.</p>`
        : nothing
    }
  </section>`;
}

function viewTable(consumers: readonly ConsumerDetail[], now: number): TemplateResult {
  return html`<table class="cards">
    <thead>
      <tr>
        <th scope="col">Consumer</th>
        <th scope="col">Trust domain</th>
        <th scope="col">Its bundle</th>
        <th scope="col">Last fetch</th>
      </tr>
    </thead>
    <tbody>
      ${consumers.slice(0, most).map(
        ({ address, userAgent, trustDomain, state, lastFetchAt, overdue = false }) =>
          html`<tr>
            <th scope="row">${address} <span class="faint">${userAgent}</span></th>
            <td data-label="Trust domain">${trustDomain}</td>
            <td data-label="Its bundle"><span class="badge ${tones[state]}">${state}</span></td>
            <td data-label="Last fetch">
              ${viewTime(lastFetchAt, now)}
              ${overdue ? html`<span class="badge warn">overdue</span>` : nothing}
            </td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}
