import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { CertificateDetail, CertificatePlace } from '../api/certificate-api-types.ts';
import { absolute, count, countedIn, distance, resourceText } from './format.ts';
import { lifeState } from './life.ts';
import type { Actions, PageState } from './page-state.ts';
import { linkTo } from './route.ts';
import { splitSubject } from './subject.ts';
import { viewAxis, viewLife } from './view-life.ts';
import { viewCopy } from './view-parts.ts';
import { rootings, lifeWords } from './view-trust-domains.ts';

const tones = { valid: 'good', future: 'warn', expiring: 'warn', expired: 'bad' } as const;

/** Shows one CA certificate: where it is listed, who trusts it, and files of it. */
export function viewCaPage(state: PageState, actions: Actions): TemplateResult {
  const { ca, now } = state;
  if (ca === undefined) return html`<p class="faint">Loading…</p>`;
  const { fingerprint, subject, notBefore, notAfter } = ca;
  const { title, rest } = splitSubject(subject);
  const life = { from: Date.parse(notBefore), until: Date.parse(notAfter) };
  const phase = lifeState(life, now);
  const time = phase === 'future' ? notBefore : notAfter;
  return html`
    <section class="verdict ${tones[phase]}">
      <div class="heading">
        <h2 class="name">${title}</h2>
        <span class="badge ${tones[phase]}">${lifeWords[phase]} ${distance(Date.parse(time), now)}</span>
      </div>
      ${rest === '' ? nothing : html`<p class="faint name">${rest}</p>`}
      <div class="timeline">${viewAxis(now)}${viewLife(life, phase, now)}</div>
      <p class="buttons">
        <button type="button" @click=${() => actions.copy(fingerprint)}>
          ${state.copied === fingerprint ? 'Copied' : 'Copy fingerprint'}
        </button>
        <a class="button" href="/api/v1/certificates/${fingerprint}/pem" download>Download PEM</a>
      </p>
    </section>
    ${viewPlaces(ca, state)} ${viewFields(ca, state, actions)}
  `;
}

function viewPlaces({ places }: CertificateDetail, state: PageState): TemplateResult {
  return html`<section aria-labelledby="places">
    <h2 id="places">Trusted in ${count(new Set(places.map(({ mesh }) => mesh)).size, 'mesh', 'meshes')}</h2>
    <table class="cards">
      <thead>
        <tr>
          <th scope="col">Mesh</th>
          <th scope="col">For clients of trust domain</th>
          <th scope="col">Listed by</th>
          <th scope="col">Proxies in sync</th>
          <th scope="col">Bundle of the trust domain</th>
        </tr>
      </thead>
      <tbody>
        ${places.map((place) => viewPlace(place, state))}
      </tbody>
    </table>
  </section>`;
}

function viewPlace(
  { mesh, trustDomain, rooting, resources }: CertificatePlace,
  { rollouts }: PageState,
): TemplateResult {
  const proxies = rollouts.get(mesh)?.proxies;
  const bundle = `/api/v1/meshes/${encodeURIComponent(mesh)}/trust-domains/${encodeURIComponent(trustDomain)}`;
  const how = rootings[rooting];
  return html`<tr>
    <th scope="row"><a href=${linkTo({ kind: 'mesh', mesh })}>${mesh}</a></th>
    <td data-label="Trust domain">
      ${trustDomain} ${how === undefined ? nothing : html`<span class="badge warn">${how}</span>`}
    </td>
    <td data-label="Listed by">${resources.map((resource) => html`<div>${resourceText(resource)}</div>`)}</td>
    <td data-label="Proxies in sync">
      ${
        proxies === undefined
          ? '—'
          : html`<span
              >${proxies.synced.toLocaleString('en')} of ${countedIn(proxies).toLocaleString('en')}</span
            >`
      }
    </td>
    <td data-label="Bundle">
      <span
        ><a href="${bundle}/pem" download>PEM</a> ·
        <a href="${bundle}/spiffe" download>SPIFFE (JWKS)</a></span
      >
    </td>
  </tr>`;
}

function isHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

function viewFields(ca: CertificateDetail, state: PageState, actions: Actions): TemplateResult {
  const fields: readonly (readonly [string, string | undefined])[] = [
    ['SHA-256 fingerprint', ca.fingerprint],
    ['Subject', ca.subject],
    ['Issuer', ca.issuer === ca.subject ? 'itself (self-issued)' : ca.issuer],
    ['Valid', `${absolute(ca.notBefore)} to ${absolute(ca.notAfter)}`],
    ['Key', ca.keyAlgorithm],
    ['SHA-256 of the public key', ca.keyHash],
    ['The same, compressed point', ca.compressedKeyHash],
  ];
  return html`<section aria-labelledby="certificate">
    <h2 id="certificate">Certificate</h2>
    <dl class="fields">
      ${fields.map(([term, text]) =>
        text === undefined
          ? nothing
          : html`<dt>${term}</dt>
              ${
                isHash(text)
                  ? html`<dd class="mono">${text} ${viewCopy(text, term, state, actions)}</dd>`
                  : html`<dd>${text}</dd>`
              }`,
      )}
    </dl>
  </section>`;
}
