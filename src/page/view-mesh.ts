import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { HeldTrustDomain, MeshDetail } from '../api/api-types.ts';
import { count, remaining, short } from './format.ts';
import { connectedTo } from './page-state.ts';
import type { Actions, PageState } from './page-state.ts';
import { viewChanges } from './view-changes.ts';
import { viewConsumers } from './view-consumers.ts';
import { viewRelationships } from './view-relationships.ts';
import { viewFindings } from './view-findings.ts';
import { viewIdentities } from './view-identities.ts';
import { viewMeshState, viewNextExpiry } from './view-overview.ts';
import { toneOf, viewProblems } from './view-problems.ts';
import { viewProxies } from './view-proxies.ts';
import { viewRollout } from './view-rollout.ts';
import { viewRotations } from './view-rotations.ts';
import { viewTrustDomains } from './view-trust-domains.ts';

/** Shows one mesh. */
export function viewMesh(state: PageState, actions: Actions): TemplateResult {
  const { mesh, meshAt, rollouts, hints, now, problems } = state;
  if (mesh === undefined) return html`<p class="faint">Loading…</p>`;
  const own = problems.filter((problem) => problem.mesh === mesh.name);
  return html`
    <section class="verdict ${toneOf(own)}">
      <div class="heading">
        <h2>${mesh.name}</h2>
        ${viewMeshState(mesh, own)}
      </div>
      ${viewFigures(mesh, connectedTo(mesh, state), now)}
      ${viewProblems(
        own.filter(({ severity }) => severity === 'error'),
        now,
        mesh.name,
      )}
    </section>
    ${viewHeld(mesh, now - meshAt, actions)} ${viewRollout(rollouts.get(mesh.name), now)}
    ${viewRotations(state.rotations, state, actions)}
    ${viewChanges(state.changes, {
      now,
      withMesh: false,
      // A version that was served twice has its proxies in the newest entry, which the map must keep.
      holding: new Map(
        rollouts
          .get(mesh.name)
          ?.versions.toReversed()
          .map(({ version, proxies }) => [version, proxies]),
      ),
    })}
    ${viewTrustDomains(mesh.trustDomains, now, new Set(mesh.held.map(({ name }) => name)))}
    ${viewIdentities(state.identities, mesh.name, now)} ${viewRelationships(state.federation, mesh.name, now)}
    ${viewConsumers(state.consumers, mesh.name, now)} ${viewFindings(mesh.findings, hints, now)}
    ${viewProxies(state, actions)}
  `;
}

function viewFigures(mesh: MeshDetail, proxies: number, now: number): TemplateResult {
  const anchors = mesh.trustDomains.reduce((sum, domain) => sum + domain.anchors.length, 0);
  const { earliestExpiry, version } = mesh;
  return html`<dl class="figures">
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
      <dd>${viewNextExpiry(earliestExpiry, now)}</dd>
    </div>
    <div>
      <dt>Proxies connected</dt>
      <dd>${proxies.toLocaleString('en')}</dd>
    </div>
    <div>
      <dt>Version</dt>
      <dd class="mono" title=${version}>${short(version)}</dd>
    </div>
  </dl>`;
}

function viewHeld(
  { name, held }: Pick<MeshDetail, 'name' | 'held'>,
  sinceMs: number,
  { release }: Actions,
): TemplateResult | typeof nothing {
  if (held.length === 0) return nothing;
  const them = held.length === 1 ? 'it' : 'them';
  return html`<section class="held" aria-labelledby="held">
    <h3 id="held">The guard holds ${count(held.length, 'trust domain')}</h3>
    <p>
      All sources stopped listing ${them} at once, which is more often an accident than a decision. The server
      continues to serve ${them} ${`for ${remaining(secondsLeft(held, sinceMs))} at most`}.
    </p>
    <p class="names">${held.map((domain) => html`<code>${domain.name}</code> `)}</p>
    <button type="button" class="danger" @click=${() => release(name)}>
      Remove ${them} from mesh ${name} now…
    </button>
  </section>`;
}

function secondsLeft(held: readonly HeldTrustDomain[], sinceMs: number): number {
  const longest = Math.max(...held.map((domain) => domain.secondsLeft));
  return Math.max(0, longest - Math.floor(Math.max(0, sinceMs) / 1000));
}
