import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type {
  IdentityCertificate,
  IdentityDetail,
  IdentityList,
  SupersededCertificate,
} from '../api/identity-api-types.ts';
import { linkTo } from './route.ts';
import { splitSubject } from './subject.ts';
import { viewTime } from './view-parts.ts';

/** The states of a MeshIdentity for people. */
const states: Readonly<Record<IdentityDetail['state'], readonly [tone: string, text: string]>> = {
  trust: ['good', 'gives trust'],
  none: ['', 'gives no trust of its own'],
  keep: ['warn', 'kept: its newest version gives nothing'],
  invalid: ['bad', 'its newest version cannot be read'],
  gone: ['', 'removed'],
};

/** Shows the MeshIdentities of a mesh, and the replaced CA certificates that stay trusted for a while. */
export function viewIdentities(
  list: IdentityList | undefined,
  mesh: string,
  now: number,
): TemplateResult | typeof nothing {
  const own = list?.identities.filter((identity) => identity.mesh === mesh) ?? [];
  if (own.length === 0) return nothing;
  return html`<section aria-labelledby="identities">
    <h2 id="identities">MeshIdentities</h2>
    <table class="cards">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">State</th>
          <th scope="col">Its CAs, by trust domain</th>
          <th scope="col">Replaced CAs, still trusted</th>
        </tr>
      </thead>
      <tbody>
        ${own.map((identity) => viewIdentity(identity, now))}
      </tbody>
    </table>
  </section>`;
}

function viewIdentity(
  { namespace, name, state, trustDomains, superseded }: IdentityDetail,
  now: number,
): TemplateResult {
  const [tone, text] = states[state];
  return html`<tr class=${state === 'invalid' ? 'bad' : ''}>
    <th scope="row">${namespace === '' ? name : `${namespace}/${name}`}</th>
    <td data-label="State"><span class="badge ${tone}">${text}</span></td>
    <td data-label="Its CAs">
      ${trustDomains.length === 0 ? '—' : nothing}
      ${trustDomains.map(
        (domain) =>
          html`<div>${domain.name} <span class="faint">${domain.certificates.map(viewCa)}</span></div>`,
      )}
    </td>
    <td data-label="Replaced CAs">
      ${superseded.length === 0 ? '—' : superseded.map((certificate) => viewSuperseded(certificate, now))}
    </td>
  </tr>`;
}

function viewCa({ fingerprint, subject }: IdentityCertificate): TemplateResult {
  return html`<a href=${linkTo({ kind: 'ca', fingerprint })}>${splitSubject(subject).title}</a> `;
}

function viewSuperseded(certificate: SupersededCertificate, now: number): TemplateResult {
  const { until, trustDomain } = certificate;
  return html`<div>
    ${viewCa(certificate)}
    <span class="faint"
      >${trustDomain} · ${until === undefined ? 'without an end' : html`ends ${viewTime(until, now)}`}</span
    >
  </div>`;
}
