import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { MeshSummary } from '../api/api-types.ts';
import type { RolloutDetail } from '../api/fleet-api-types.ts';
import { count, countedIn, dayOf, distance, syncText } from './format.ts';
import { expiringMs } from './life.ts';
import { connectedTo, isComplete } from './page-state.ts';
import type { PageState } from './page-state.ts';
import { errorCount, worstFirst } from './problems.ts';
import type { Problem } from './problems.ts';
import { linkTo } from './route.ts';
import { viewCertificates } from './view-certificates.ts';
import { viewChanges } from './view-changes.ts';
import { viewTime } from './view-parts.ts';
import { toneOf, verdictOf, viewProblems } from './view-problems.ts';

/** Number of meshes that are shown. Those with problems are first. */
const most = 200;

/** Shows whether everything is in order, and all meshes. */
export function viewOverview(state: PageState): TemplateResult {
  const { meshes, problems, certificates, findings, now } = state;
  if (meshes === undefined || !isComplete(state)) return html`<p class="faint">Loading…</p>`;
  // A server without any trust is not in order, but also not broken.
  const isEmpty = meshes.length === 0 && problems.length === 0;
  return html`
    <section class="verdict ${isEmpty ? 'warn' : toneOf(problems)}" aria-labelledby="verdict">
      <h2 id="verdict">
        <span role="status" aria-live="polite">${isEmpty ? 'No trust yet' : verdictOf(problems)}</span>
      </h2>
      <p class="faint">
        ${summaryOf(state, meshes)}${
          certificates === undefined
            ? nothing
            : html` · <a href=${linkTo({ kind: 'cas' })}>${count(certificates.total, 'CA certificate')}</a>`
        }${
          findings === undefined || findings.findings.length === 0
            ? nothing
            : html` ·
                <a href=${linkTo({ kind: 'findings' })}>${count(findings.findings.length, 'finding')}</a>`
        }
      </p>
      ${viewProblems(problems, now)}
    </section>
    ${viewMeshes(state, meshes)} ${viewExpiring(state)} ${viewChanges(state.changes, { now, withMesh: true })}
  `;
}

/** Shows the CA certificates that expire within 30 days, or have expired. */
function viewExpiring({ certificates, now }: PageState): TemplateResult | typeof nothing {
  const soon = (certificates?.certificates ?? []).filter(
    ({ notAfter }) => Date.parse(notAfter) - now < expiringMs,
  );
  if (soon.length === 0) return nothing;
  return html`<section aria-labelledby="expiring">
    <h2 id="expiring">Expired, or within 30 days</h2>
    ${viewCertificates(soon, now)}
  </section>`;
}

function summaryOf(state: PageState, meshes: readonly MeshSummary[]): string {
  const { rollouts, problems, unlisted } = state;
  const elsewhere = unlisted.reduce((sum, { proxies }) => sum + proxies, 0);
  const bad = new Set(problems.filter(({ severity }) => severity === 'error').map(({ mesh }) => mesh));
  const affected = meshes.filter(({ name }) => bad.has(name)).length;
  const all = count(meshes.length, 'mesh', 'meshes');
  const listed =
    syncText([...rollouts.values()]) ??
    `${count(
      meshes.reduce((sum, mesh) => sum + connectedTo(mesh, state), 0),
      'proxy',
      'proxies',
    )} connected`;
  return [
    affected > 0 ? `${affected.toLocaleString('en')} of ${all} affected` : all,
    ...(elsewhere > 0
      ? [
          ...(meshes.some((mesh) => connectedTo(mesh, state) > 0) ? [listed] : []),
          `${count(elsewhere, 'proxy', 'proxies')} of meshes without a MeshTrust`,
        ]
      : [listed]),
  ].join(' · ');
}

function viewMeshes(state: PageState, meshes: readonly MeshSummary[]): TemplateResult {
  const { sources = [], documentation } = state.about ?? {};
  if (meshes.length === 0)
    return html`<section>
      <h2>Meshes</h2>
      <p>No source lists a MeshTrust yet. Proxies that connect refuse every client.</p>
      <p class="faint">
        ${sources.length === 0 ? 'Loading…' : `Read so far: ${sources.map(({ name, accepted }) => `${name} (${count(accepted, 'resource')})`).join(', ')}.`}
        Put a MeshTrust there; this page shows it at once. A file that is not accepted is a
        <a href=${linkTo({ kind: 'findings' })}>finding</a>.
        ${documentation === undefined ? nothing : html`<a href="${documentation}concepts.md" rel="noreferrer">What a MeshTrust is</a>`}
      </p>
    </section>`;
  const sorted = worstFirst(meshes, state.problems);
  return html`<section aria-labelledby="meshes">
    <h2 id="meshes">Meshes</h2>
    <table class="cards meshes">
      <thead>
        <tr>
          <th scope="col">Mesh</th>
          <th scope="col">State</th>
          <th scope="col">CAs</th>
          <th scope="col">Next expiry</th>
          <th scope="col">Proxies in sync</th>
          <th scope="col">Last change</th>
        </tr>
      </thead>
      <tbody>
        ${sorted.slice(0, most).map((mesh) => viewRow(mesh, state))}
      </tbody>
    </table>
    ${
      meshes.length > most
        ? html`<p class="faint">${count(meshes.length - most, 'more mesh', 'more meshes')} in the API.</p>`
        : nothing
    }
  </section>`;
}

function viewRow(mesh: MeshSummary, state: PageState): TemplateResult {
  const { name, anchors, trustDomains, earliestExpiry } = mesh;
  const rollout = state.rollouts.get(name);
  const own = state.problems.filter((problem) => problem.mesh === name);
  const { now } = state;
  return html`<tr class=${errorCount(own) > 0 ? 'bad' : ''}>
    <th scope="row"><a href=${linkTo({ kind: 'mesh', mesh: name })}>${name}</a></th>
    <td data-label="State">${viewMeshState(mesh, own)}</td>
    <td data-label="CAs">
      ${anchors.toLocaleString('en')} <span class="faint">in ${count(trustDomains, 'trust domain')}</span>
    </td>
    <td data-label="Next expiry">${viewNextExpiry(earliestExpiry, now)}</td>
    <td data-label="Proxies in sync">${viewSync(rollout, connectedTo(mesh, state))}</td>
    <td data-label="Last change">${rollout === undefined ? '—' : viewTime(rollout.changedAt, now)}</td>
  </tr>`;
}

/** Shows when the next CA of a mesh expires, or that one has expired. */
export function viewNextExpiry(time: string | undefined, now: number): TemplateResult {
  if (time === undefined) return html`—`;
  const at = Date.parse(time);
  const [state, word] =
    at <= now ? ['state expired', 'expired '] : at - now < expiringMs ? ['state expiring', ''] : ['', ''];
  return html`<span class=${state}>${word}${distance(at, now)}</span>
    <time class="faint" datetime=${time}>${dayOf(time)}</time>`;
}

/** Shows the state of a mesh in one badge. */
export function viewMeshState(
  { denyAll }: Pick<MeshSummary, 'denyAll'>,
  own: readonly Problem[],
): TemplateResult {
  if (denyAll) return html`<span class="badge bad">refuses every client</span>`;
  const errors = errorCount(own);
  if (errors > 0) return html`<span class="badge bad">${count(errors, 'problem')}</span>`;
  if (own.length > 0) return html`<span class="badge warn">${count(own.length, 'warning')}</span>`;
  return html`<span class="badge good">in order</span>`;
}

function viewSync(rollout: RolloutDetail | undefined, connected: number): TemplateResult {
  if (rollout === undefined)
    return html`${connected.toLocaleString('en')} <span class="faint">connected</span>`;
  const { synced, lost, forgotten } = rollout.proxies;
  const all = countedIn(rollout.proxies);
  if (all === 0) return html`<span class="faint">none connected</span>`;
  const numbers = html`${synced.toLocaleString('en')}
    <span class="faint">of ${all.toLocaleString('en')}</span>`;
  const behind = linkTo({ kind: 'mesh', mesh: rollout.mesh, filter: { state: 'behind' } });
  return html`${synced < all ? html`<a href=${behind}>${numbers}</a>` : numbers}
  ${
    lost + forgotten > 0
      ? html`<a
          class="badge bad"
          href=${linkTo({ kind: 'mesh', mesh: rollout.mesh, filter: { state: 'lost' } })}
          >${(lost + forgotten).toLocaleString('en')} lost</a
        >`
      : nothing
  }`;
}
