import { html, nothing, svg } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { RolloutDetail } from '../api/fleet-api-types.ts';
import { count, distance, duration, short } from './format.ts';
import { rolloutSentence } from './rollout-sentence.ts';

/** The states of a proxy during a roll-out, in the order of the page. */
export const rolloutStates = ['synced', 'pending', 'stale', 'refused', 'reconnecting', 'lost'] as const;
/** Number of earlier changes that are shown. */
const mostEarlier = 5;

/** Shows the progress of the current roll-out, and earlier changes. */
export function viewRollout(
  rollout: RolloutDetail | undefined,
  now: number,
): TemplateResult | typeof nothing {
  if (rollout === undefined) return nothing;
  const { version, proxies, converged, versions, lagging, changedAt, convergedAt } = rollout;
  const { connected } = proxies;
  const took = convergedAt === undefined ? undefined : Date.parse(convergedAt) - Date.parse(changedAt);
  return html`<section aria-labelledby="rollout">
    <h3 id="rollout">Roll-out</h3>
    <div class="rollout ${converged ? 'done' : ''}">
      <p role="status" aria-live="polite">
        <span class="mono" title=${version}>${short(version)}</span>
        <strong>${rolloutSentence(rollout)}</strong>
        <span class="faint"
          >changed
          ${distance(Date.parse(changedAt), now)}${
            took !== undefined && connected > 0 && took >= 0
              ? `, last acknowledged after ${took < 1000 ? `${took} ms` : duration(took)}`
              : ''
          }</span
        >
      </p>
      ${viewBar(proxies)}
      <p class="legend">
        ${rolloutStates.map((name) =>
          name === 'synced' || proxies[name] > 0
            ? html`<span class=${name}>${proxies[name].toLocaleString('en')} ${name}</span>`
            : nothing,
        )}
      </p>
      ${viewLagging(lagging)}
    </div>
    ${viewEarlier(versions.slice(1, 1 + mostEarlier), connected + proxies.reconnecting + proxies.lost, now)}
  </section>`;
}

function viewBar(proxies: RolloutDetail['proxies']): TemplateResult {
  const { connected, synced, reconnecting, lost } = proxies;
  const all = connected + reconnecting + lost;
  let at = 0;
  const pieces = rolloutStates.map((name) => {
    const width = all === 0 ? 0 : (proxies[name] / all) * 1000;
    const piece = svg`<rect class=${name} x=${at} y="0" width=${width} height="10"></rect>`;
    at += width;
    return piece;
  });
  return html`<svg
    class="progress"
    viewBox="0 0 1000 10"
    preserveAspectRatio="none"
    role="progressbar"
    aria-label="Proxies in sync"
    aria-valuemin="0"
    aria-valuemax=${all}
    aria-valuenow=${synced}
  >
    <rect class="track" x="0" y="0" width="1000" height="10"></rect>
    ${pieces}
  </svg>`;
}

function viewLagging(lagging: RolloutDetail['lagging']): TemplateResult | typeof nothing {
  const telling = lagging.filter(({ state }) => state !== 'pending').slice(0, 5);
  if (telling.length === 0) return nothing;
  return html`<ul class="lagging">
    ${telling.map(
      ({ node, address, state, behindSeconds, message }) =>
        html`<li>
          <span class="badge ${state}">${state}</span> <code>${node === '' ? address : node}</code>
          <span class="faint"
            >${behindSeconds === undefined ? '' : `for ${duration(behindSeconds * 1000)}`}</span
          >
          ${message === undefined ? nothing : html`<q>${message}</q>`}
        </li>`,
    )}
  </ul>`;
}

function viewEarlier(
  versions: RolloutDetail['versions'],
  all: number,
  now: number,
): TemplateResult | typeof nothing {
  if (versions.length === 0) return nothing;
  return html`<details>
    <summary>Earlier changes</summary>
    <ul class="earlier">
      ${versions.map(
        ({ version, servedAt, proxies }) =>
          html`<li>
            <span class="mono" title=${version}>${short(version)}</span>
            <span class="faint">served ${distance(Date.parse(servedAt), now)}</span>
            ${
              proxies > 0
                ? html`<span class="badge warn"
                    >${proxies} of ${count(all, 'proxy', 'proxies')} still have it</span
                  >`
                : html`<span class="faint">no proxy has it any more</span>`
            }
          </li>`,
      )}
    </ul>
  </details>`;
}
