import { html, nothing, svg } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { AnchorDetail, TrustDomainDetail } from '../api/api-types.ts';
import { dayOf, distance, short } from './format.ts';
import { lifeState, positionOn, scaleOf, spanOn, yearsOn } from './life.ts';
import type { Life, LifeState, Scale } from './life.ts';

/** Number of trust domains that are shown. The admin API has all of them. */
const most = 200;
const words: Readonly<Record<LifeState, string>> = {
  valid: 'expires',
  expiring: 'expires',
  expired: 'expired',
  future: 'begins',
};
const rootings: Readonly<Record<AnchorDetail['rooting'], string | undefined>> = {
  'as-listed': undefined,
  're-rooted': 're-rooted',
  promoted: 'promoted',
};

/** Shows the CA certificates of each trust domain, and how long they are valid. */
export function viewTrustDomains(domains: readonly TrustDomainDetail[], now: number): TemplateResult {
  const shown = domains.slice(0, most);
  const scale = scaleOf(
    shown.flatMap(({ anchors }) => anchors.map(lifeOf)),
    now,
  );
  return html`<section aria-labelledby="trust">
    <h3 id="trust">Trust domains</h3>
    ${
      shown.length === 0
        ? html`<p class="faint">None is listed: every client is refused.</p>`
        : html`<div class="scroll" tabindex="0" role="region" aria-labelledby="trust">
            <table class="anchors">
              <thead>
                <tr>
                  <th scope="col">CA certificate</th>
                  <th scope="col" class="life">Validity ${viewYears(scale, now)}</th>
                  <th scope="col">Expires</th>
                  <th scope="col">Listed by</th>
                </tr>
              </thead>
              ${shown.map((domain) => viewDomain(domain, scale, now))}
            </table>
          </div>`
    }
    ${
      domains.length > most
        ? html`<p class="faint">${domains.length - most} more are in the admin API.</p>`
        : nothing
    }
  </section>`;
}

function viewDomain(
  { name, inJointSecret, anchors }: TrustDomainDetail,
  scale: Scale,
  now: number,
): TemplateResult {
  return html`<tbody>
    <tr class="domain">
      <th scope="rowgroup" colspan="4">
        ${name}
        ${inJointSecret ? nothing : html`<span class="badge bad">not in the secret of all trust domains</span>`}
      </th>
    </tr>
    ${anchors.map((anchor) => viewAnchor(anchor, scale, now))}
  </tbody>`;
}

function viewAnchor(anchor: AnchorDetail, scale: Scale, now: number): TemplateResult {
  const { subject, fingerprint, notBefore, notAfter, resources, keyAlgorithm, rooting } = anchor;
  const life = lifeOf(anchor);
  const state = lifeState(life, now);
  const time = state === 'future' ? notBefore : notAfter;
  const how = rootings[rooting];
  return html`<tr>
    <td>
      ${subject}
      <div class="faint">
        <span class="mono" title=${fingerprint}>${short(fingerprint)}</span> ${keyAlgorithm}${
          how === undefined ? nothing : html` · ${how}`
        }
      </div>
    </td>
    <td class="life">${viewLife(life, state, scale, now)}</td>
    <td>
      <time datetime=${time} title="${dayOf(notBefore)} to ${dayOf(notAfter)}">${dayOf(time)}</time>
      <div class="state ${state}">${words[state]} ${distance(Date.parse(time), now)}</div>
    </td>
    <td class="faint">${resources.map((resource) => html`<div>${resource}</div>`)}</td>
  </tr>`;
}

function viewLife(life: Life, state: LifeState, scale: Scale, now: number): TemplateResult {
  const span = spanOn(life, scale);
  const at = positionOn(now, scale);
  return html`<svg class="bar" viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">
    <rect class="track" x="0" y="8" width="1000" height="4"></rect>
    ${
      span === undefined
        ? nothing
        : svg`<rect class=${state} x=${span.start} y="5" width=${span.width} height="10"></rect>`
    }
    <line class="now" x1=${at} x2=${at} y1="0" y2="20"></line>
  </svg>`;
}

function viewYears(scale: Scale, now: number): TemplateResult {
  const at = positionOn(now, scale);
  // A year whose label would overlap with the present is left out.
  const years = yearsOn(scale).filter((year) => Math.abs(year.at - at) > 60 && year.at < 960);
  return html`<svg class="years" aria-hidden="true">
    ${years.map((year) => svg`<text x="${year.at / 10}%" y="11">${year.year}</text>`)}
    <text class="now" x="${at / 10}%" y="11">now</text>
  </svg>`;
}

function lifeOf({ notBefore, notAfter }: AnchorDetail): Life {
  return { from: Date.parse(notBefore), until: Date.parse(notAfter) };
}
