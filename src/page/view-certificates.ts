import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { CertificateSummary } from '../api/certificate-api-types.ts';
import { absolute, count, dayOf, distance, short } from './format.ts';
import { lifeState } from './life.ts';
import type { PageState } from './page-state.ts';
import { linkTo } from './route.ts';
import { splitSubject } from './subject.ts';
import { viewAxis, viewLife } from './view-life.ts';
import { lifeWords } from './view-trust-domains.ts';

/** Shows the CA certificates of all meshes. */
export function viewAllCertificates({ certificates, now }: PageState): TemplateResult {
  if (certificates === undefined) return html`<p class="faint">Loading…</p>`;
  const { total, certificates: shown } = certificates;
  const more = total - shown.length;
  return html`<section aria-labelledby="cas">
    <h2 id="cas">${count(total, 'CA certificate')}, by expiry</h2>
    ${
      total === 0
        ? html`<p class="faint">No source lists a CA certificate.</p>`
        : viewCertificates(shown, now)
    }
    ${more > 0 ? html`<p class="faint">${count(more, 'more', 'more')}: search for a part of the name.</p>` : nothing}
  </section>`;
}

/** Shows CA certificates of several meshes, the earliest expiry first. */
export function viewCertificates(certificates: readonly CertificateSummary[], now: number): TemplateResult {
  return html`<table class="cards anchors">
    <thead>
      <tr>
        <th scope="col">CA certificate</th>
        <th scope="col" class="life">Validity ${viewAxis(now)}</th>
        <th scope="col">Expires</th>
        <th scope="col">Trusted in</th>
      </tr>
    </thead>
    <tbody>
      ${certificates.map((certificate) => viewCertificate(certificate, now))}
    </tbody>
  </table>`;
}

function viewCertificate(
  { fingerprint, subject, notBefore, notAfter, places }: CertificateSummary,
  now: number,
): TemplateResult {
  const life = { from: Date.parse(notBefore), until: Date.parse(notAfter) };
  const state = lifeState(life, now);
  const time = state === 'future' ? notBefore : notAfter;
  const { title, rest } = splitSubject(subject);
  const [place] = places;
  return html`<tr class=${state}>
    <td>
      <a class="name" href=${linkTo({ kind: 'ca', fingerprint })}>${title}</a>
      <div class="faint"><span class="mono">${short(fingerprint)}</span> ${rest}</div>
    </td>
    <td class="life" data-label="Validity">${viewLife(life, state, now)}</td>
    <td data-label="Expires">
      <div class="state ${state}">${lifeWords[state]} ${distance(Date.parse(time), now)}</div>
      <time class="faint" datetime=${time} title=${absolute(time)}>${dayOf(time)}</time>
    </td>
    <td data-label="Trusted in">
      <div>${place?.mesh}${places.length > 1 ? ` and ${count(places.length - 1, 'more place')}` : ''}</div>
      <div class="faint">${place?.trustDomain}</div>
    </td>
  </tr>`;
}
