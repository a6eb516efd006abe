import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { AnchorDetail, TrustDomainDetail } from '../api/api-types.ts';
import { dayOf, distance, resourceText, short } from './format.ts';
import { lifeState } from './life.ts';
import type { LifeState } from './life.ts';
import { linkTo } from './route.ts';
import { splitSubject } from './subject.ts';
import { viewAxis, viewLife } from './view-life.ts';

/** Number of trust domains that are shown. The admin API has all of them. */
const most = 200;
/** The word before the date of a certificate. */
export const lifeWords: Readonly<Record<LifeState, string>> = {
  valid: 'expires',
  expiring: 'expires',
  expired: 'expired',
  future: 'valid',
};
/** How a certificate is served, where not as listed. */
export const rootings: Readonly<Record<AnchorDetail['rooting'], string | undefined>> = {
  'as-listed': undefined,
  're-rooted': 're-rooted',
  promoted: 'promoted',
};
/** A CA needs attention in this order. */
const urgency: Readonly<Record<LifeState, number>> = { expired: 0, expiring: 1, future: 2, valid: 2 };

/**
 * Shows the CA certificates of each trust domain and their validity; the most urgent trust domain first. `held`: the
 * names of those that the guard holds.
 */
export function viewTrustDomains(
  domains: readonly TrustDomainDetail[],
  now: number,
  held: ReadonlySet<string> = new Set(),
): TemplateResult {
  const shown = byUrgency(domains, now).slice(0, most);
  return html`<section aria-labelledby="trust">
    <h2 id="trust">Trust domains</h2>
    ${
      shown.length === 0
        ? html`<p>No CA is trusted: proxies of this mesh refuse every client.</p>`
        : html`<table class="cards anchors">
            <thead>
              <tr>
                <th scope="col">CA certificate</th>
                <th scope="col" class="life">Validity ${viewAxis(now)}</th>
                <th scope="col">Expires</th>
                <th scope="col">Listed by</th>
              </tr>
            </thead>
            ${shown.map((domain) => viewDomain(domain, now, held.has(domain.name)))}
          </table>`
    }
    ${
      domains.length > most
        ? html`<p class="faint">${domains.length - most} more are in the admin API.</p>`
        : nothing
    }
  </section>`;
}

/** Returns trust domains, and the CAs of each, with the most urgent first. The order is else that of the server. */
function byUrgency(domains: readonly TrustDomainDetail[], now: number): readonly TrustDomainDetail[] {
  const rank = (anchor: AnchorDetail): number => urgency[stateOf(anchor, now)];
  const first = (domain: TrustDomainDetail): number =>
    hasValidCa(domain, now) ? Math.min(...domain.anchors.map(rank)) : -1;
  return domains
    .map((domain) => ({ ...domain, anchors: domain.anchors.toSorted((a, b) => rank(a) - rank(b)) }))
    .toSorted((a, b) => first(a) - first(b));
}

function stateOf({ notBefore, notAfter }: AnchorDetail, now: number): LifeState {
  return lifeState({ from: Date.parse(notBefore), until: Date.parse(notAfter) }, now);
}

function hasValidCa({ anchors }: TrustDomainDetail, now: number): boolean {
  return anchors.some((anchor) => ['valid', 'expiring'].includes(stateOf(anchor, now)));
}

function viewDomain(domain: TrustDomainDetail, now: number, isHeld: boolean): TemplateResult {
  const { name, inJointSecret, anchors } = domain;
  return html`<tbody>
    <tr class="domain">
      <th scope="rowgroup" colspan="4">
        ${name} ${isHeld ? html`<span class="badge warn">held by the guard</span>` : nothing}
        ${
          hasValidCa(domain, now)
            ? nothing
            : html`<span class="badge bad"
                >${anchors.length === 0 ? 'no CA in force' : 'no valid CA'}: clients are refused</span
              >`
        }
        ${
          inJointSecret || anchors.length === 0
            ? nothing
            : html`<span class="badge bad">not in the secret of all trust domains</span>`
        }
      </th>
    </tr>
    ${anchors.map((anchor) => viewAnchor(anchor, now))}
  </tbody>`;
}

function viewAnchor(anchor: AnchorDetail, now: number): TemplateResult {
  const { subject, fingerprint, notBefore, notAfter, resources, keyAlgorithm, rooting } = anchor;
  const state = stateOf(anchor, now);
  const time = state === 'future' ? notBefore : notAfter;
  const { title, rest } = splitSubject(subject);
  const details = [rest, keyAlgorithm, rootings[rooting]].filter((part) => part !== undefined && part !== '');
  return html`<tr class=${state}>
    <td>
      <a class="name" href=${linkTo({ kind: 'ca', fingerprint })}>${title}</a>
      <div class="faint">
        <span class="mono" title=${fingerprint}>${short(fingerprint)}</span> ${details.join(' · ')}
      </div>
    </td>
    <td class="life" data-label="Validity">
      ${viewLife({ from: Date.parse(notBefore), until: Date.parse(notAfter) }, state, now)}
    </td>
    <td data-label="Expires">
      <div class="state ${state}">${lifeWords[state]} ${distance(Date.parse(time), now)}</div>
      <time class="faint" datetime=${time} title="${dayOf(notBefore)} to ${dayOf(notAfter)}"
        >${dayOf(time)}</time
      >
    </td>
    <td class="faint" data-label="Listed by">
      ${resources.map((resource) => html`<div>${resourceText(resource)}</div>`)}
    </td>
  </tr>`;
}
