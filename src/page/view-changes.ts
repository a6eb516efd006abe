import { html, nothing, svg } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { ChangeDetail, TrustDomainChangeDetail } from '../api/change-api-types.ts';
import { count, duration, short } from './format.ts';
import { linkTo } from './route.ts';
import { splitSubject } from './subject.ts';
import { viewTime } from './view-parts.ts';

/** Number of trust domains of a change that are named. */
const mostDomains = 3;

interface ChangesOptions {
  readonly now: number;
  /** Whether the changes are of several meshes. */
  readonly withMesh: boolean;
  /** Number of proxies that have each version. */
  readonly holding?: ReadonlyMap<string, number> | undefined;
}

/** Shows the last changes: when, what, and how long until all proxies had them. */
export function viewChanges(
  changes: readonly ChangeDetail[] | undefined,
  { now, withMesh, holding }: ChangesOptions,
): TemplateResult | typeof nothing {
  if (changes === undefined) return nothing;
  const longest = Math.max(1, ...changes.map((change) => tookMs(change) ?? 0));
  return html`<section aria-labelledby="changes">
    <h2 id="changes">Last changes</h2>
    ${
      changes.length === 0
        ? html`<p class="faint">Nothing has been served yet.</p>`
        : html`<ol class="changes">
            ${changes.map(
              (change, index) =>
                html`<li>
                  ${viewTime(change.changedAt, now)}
                  <div>
                    ${
                      withMesh
                        ? html`<a href=${linkTo({ kind: 'mesh', mesh: change.mesh })}>${change.mesh}</a>`
                        : nothing
                    }
                    ${viewWhat(change)}
                    <code class="faint" title=${change.version}>${short(change.version)}</code>
                    ${
                      // The first change is the current one. The proxies of a version that came back are shown once.
                      index === 0 || changes.slice(0, index).some(({ version }) => version === change.version)
                        ? nothing
                        : viewHolding(change, holding?.get(change.version) ?? 0)
                    }
                  </div>
                  ${viewConvergence(change, changes.slice(0, index), longest)}
                </li>`,
            )}
          </ol>`
    }
  </section>`;
}

/** Shows that proxies still have an earlier version. */
function viewHolding({ mesh, version }: ChangeDetail, proxies: number): TemplateResult | typeof nothing {
  if (proxies === 0) return nothing;
  const link = linkTo({ kind: 'mesh', mesh, filter: { version: short(version) } });
  return html`<a class="badge warn" href=${link}>${count(proxies, 'proxy', 'proxies')} still on it</a>`;
}

/** Returns the milliseconds from a change to its last acknowledgement; undefined if there was none. */
function tookMs({ changedAt, convergedAt, proxies = 0 }: ChangeDetail): number | undefined {
  if (convergedAt === undefined || proxies === 0) return undefined;
  return Math.max(0, Date.parse(convergedAt) - Date.parse(changedAt));
}

function viewWhat({ first, denyAll, trustDomains }: ChangeDetail): TemplateResult {
  if (denyAll) return html`<strong class="state expired">no CA is trusted any more</strong>`;
  if (trustDomains.length === 0) return html`<span>other content of its secrets</span>`;
  if (first) {
    const cas = trustDomains.reduce((sum, { added }) => sum + added.total, 0);
    return html`<span
      >first served: ${count(cas, 'CA')} in ${count(trustDomains.length, 'trust domain')}</span
    >`;
  }
  const more = trustDomains.length - mostDomains;
  return html`${trustDomains.slice(0, mostDomains).map(viewDomainChange)}
  ${more > 0 ? html`<span>and ${count(more, 'more trust domain')}</span>` : nothing}`;
}

function viewDomainChange({ name, added, removed }: TrustDomainChangeDetail): TemplateResult {
  const named = (sign: string, { total, certificates }: TrustDomainChangeDetail['added']): string[] => {
    const [first] = certificates;
    if (total === 0 || first === undefined) return [];
    return [`${sign} ${total === 1 ? splitSubject(first.subject).title : count(total, 'CA')}`];
  };
  const parts = [...named('+', added), ...named('−', removed)];
  return html`<span
    >${parts.length === 0 ? 'other form of a CA' : parts.join(', ')}
    <span class="faint">in ${name}</span></span
  >`;
}

function viewConvergence(
  change: ChangeDetail,
  later: readonly ChangeDetail[],
  longest: number,
): TemplateResult {
  const { convergedAt, proxies = 0, gaveUp = 0 } = change;
  const took = tookMs(change);
  if (took !== undefined) {
    const width = Math.max(2, (Math.log1p(took) / Math.log1p(longest)) * 100);
    return html`<div class="took">
      <svg class="tooks" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect class="track" x="0" y="0" width="100" height="6"></rect>
        ${svg`<rect class="synced" x="0" y="0" width=${width} height="6"></rect>`}
      </svg>
      <span
        >${count(proxies, 'proxy', 'proxies')} in
        ${took < 1000 ? `${took} ms` : duration(took)}${
          gaveUp > 0 ? html`, <span class="state expired">${gaveUp} lost</span>` : nothing
        }</span
      >
    </div>`;
  }
  if (convergedAt !== undefined) return html`<div class="took faint">no proxy was connected</div>`;
  if (later.some(({ mesh }) => mesh === change.mesh))
    return html`<div class="took faint">replaced by the next change</div>`;
  return html`<div class="took"><span class="badge warn">rolling out</span></div>`;
}
