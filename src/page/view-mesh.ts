import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { HeldTrustDomain, MeshDetail } from '../api/api-types.ts';
import { count, dayOf, distance } from './format.ts';
import { connectedTo } from './page-state.ts';
import type { Actions, PageState } from './page-state.ts';
import { viewFindings } from './view-findings.ts';
import { viewProxies } from './view-proxies.ts';
import { viewRollout } from './view-rollout.ts';
import { viewTrustDomains } from './view-trust-domains.ts';

/** Shows the selected mesh. */
export function viewMesh(state: PageState, actions: Actions): TemplateResult {
  const { mesh, meshAt, rollouts, hints, now, meshes } = state;
  if (mesh === undefined)
    return html`<p class="faint">${meshes?.length === 0 ? 'There is no mesh yet.' : 'Loading…'}</p>`;
  return html`
    <div class="heading">
      <h2>${mesh.name}</h2>
      ${mesh.denyAll ? html`<span class="badge bad">no CA is trusted: every client is refused</span>` : nothing}
    </div>
    ${viewFigures(mesh, connectedTo(mesh, state), now)} ${viewHeld(mesh.held, now - meshAt, actions)}
    ${viewRollout(rollouts.get(mesh.name), now)} ${viewTrustDomains(mesh.trustDomains, now)}
    ${viewFindings(mesh.findings, hints)} ${viewProxies(state, actions)}
  `;
}

function viewFigures(mesh: MeshDetail, proxies: number, now: number): TemplateResult {
  const anchors = mesh.trustDomains.reduce((sum, domain) => sum + domain.anchors.length, 0);
  const { earliestExpiry } = mesh;
  return html`<dl class="figures">
    <div>
      <dt>Version</dt>
      <dd class="mono">${mesh.version}</dd>
    </div>
    <div>
      <dt>Trust domains</dt>
      <dd>${mesh.trustDomains.length.toLocaleString('en')}</dd>
    </div>
    <div>
      <dt>CA certificates</dt>
      <dd>${anchors.toLocaleString('en')}</dd>
    </div>
    <div>
      <dt>Next expiry</dt>
      <dd>
        ${
          earliestExpiry === undefined
            ? '—'
            : html`${dayOf(earliestExpiry)} <small>${distance(Date.parse(earliestExpiry), now)}</small>`
        }
      </dd>
    </div>
    <div>
      <dt>Proxies</dt>
      <dd>${proxies.toLocaleString('en')}</dd>
    </div>
  </dl>`;
}

function viewHeld(
  held: readonly HeldTrustDomain[],
  sinceMs: number,
  { release }: Actions,
): TemplateResult | typeof nothing {
  if (held.length === 0) return nothing;
  const longest = Math.max(...held.map(({ secondsLeft }) => secondsLeft));
  const left = Math.max(0, longest - Math.floor(Math.max(0, sinceMs) / 1000));
  return html`<section class="held" aria-labelledby="held">
    <h3 id="held">The guard holds ${count(held.length, 'trust domain')}</h3>
    <p>
      No resource lists ${held.length === 1 ? 'it' : 'them'} any more, all at once, which is more often an
      accident than a decision. What was served is served on, for ${left} s at most.
    </p>
    <p class="names">${held.map(({ name }) => html`<code>${name}</code> `)}</p>
    <button type="button" @click=${release}>Let go now</button>
  </section>`;
}
