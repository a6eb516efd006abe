import { html, nothing, svg } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { RolloutDetail } from '../api/fleet-api-types.ts';
import { countedIn, duration, rolloutSentence, short, sinceText } from './format.ts';
import { linkTo, rolloutStates } from './route.ts';
import { viewTime } from './view-parts.ts';

/** Number of proxies with a problem that are named. */
const mostLagging = 5;

/** Shows the progress of the current roll-out. */
export function viewRollout(
  rollout: RolloutDetail | undefined,
  now: number,
): TemplateResult | typeof nothing {
  if (rollout === undefined) return nothing;
  const { version, proxies, converged, changedAt, convergedAt } = rollout;
  const { connected } = proxies;
  const took = convergedAt === undefined ? undefined : Date.parse(convergedAt) - Date.parse(changedAt);
  return html`<section aria-labelledby="rollout">
    <h2 id="rollout">Roll-out</h2>
    <div class="rollout ${converged ? 'done' : ''}">
      <p>
        <span class="mono" title=${version}>${short(version)}</span>
        ${
          // Without the time beside it: a screen reader would read that out at each tick.
          html`<strong role="status" aria-live="polite">${rolloutSentence(rollout)}</strong>`
        }
        <span class="faint"
          >changed
          ${viewTime(changedAt, now)}${
            took !== undefined && connected > 0 && took >= 0
              ? `, last acknowledged after ${took < 1000 ? `${took} ms` : duration(took)}`
              : ''
          }</span
        >
      </p>
      ${viewBar(proxies)}
      <p class="legend">${rolloutStates.map((name) => viewState(rollout, name))}</p>
      ${viewLagging(rollout, now)}
    </div>
  </section>`;
}

/** Shows the number of proxies in a state, with a link to them. */
function viewState(
  { mesh, proxies }: RolloutDetail,
  state: (typeof rolloutStates)[number],
): TemplateResult | typeof nothing {
  const number = proxies[state];
  const text = `${number.toLocaleString('en')} ${state}`;
  if (number === 0) return state === 'synced' ? html`<span class="synced">${text}</span>` : nothing;
  return html`<a class=${state} href=${linkTo({ kind: 'mesh', mesh, filter: { state } })}>${text}</a>`;
}

function viewBar(proxies: RolloutDetail['proxies']): TemplateResult {
  const { synced } = proxies;
  const all = countedIn(proxies);
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

function viewLagging({ mesh, lagging }: RolloutDetail, now: number): TemplateResult | typeof nothing {
  const withProblem = lagging.filter(({ state }) => state !== 'pending');
  const shown = withProblem.slice(0, mostLagging);
  const next = withProblem[mostLagging];
  if (shown.length === 0) return nothing;
  return html`<ul class="lagging">
    ${shown.map(
      ({ node, address, state, behindSince, message }) =>
        html`<li>
          <span class="badge ${state}">${state}</span>
          ${
            node === ''
              ? html`<code>${address}</code>`
              : html`<a href=${linkTo({ kind: 'proxy', mesh, node })}><code>${node}</code></a>`
          }
          <span class="faint">${behindSince === undefined ? '' : sinceText(behindSince, now)}</span>
          ${message === undefined ? nothing : html`<q>${message}</q>`}
        </li>`,
    )}
    ${
      next === undefined
        ? nothing
        : html`<li>
            <a href=${linkTo({ kind: 'mesh', mesh, filter: { state: next.state } })}
              >More that are ${next.state}</a
            >
          </li>`
    }
  </ul>`;
}
