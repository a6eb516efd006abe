import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { FindingDetail } from '../api/api-types.ts';
import type { Hints } from '../trust/findings/hints.ts';
import { count, sinceText } from './format.ts';
import { linkTo } from './route.ts';

/** Number of findings that are shown. More of them have a common cause. */
const most = 100;

/** Shows findings, and what to do about each. */
export function viewFindings(
  findings: readonly FindingDetail[] | undefined,
  hints: Hints,
  now: number,
): TemplateResult {
  return html`<section aria-labelledby="findings">
    <h2 id="findings">Findings</h2>
    ${
      findings === undefined || findings.length === 0
        ? html`<p class="faint">${findings === undefined ? 'Loading…' : 'There are no findings.'}</p>`
        : html`<ul class="findings">
            ${findings.slice(0, most).map((finding) => viewFinding(finding, hints, now))}
          </ul>`
    }
    ${
      findings !== undefined && findings.length > most
        ? html`<p class="faint">
            ${count(findings.length - most, 'more finding')} in <a href="/api/v1/findings">the admin API</a>.
          </p>`
        : nothing
    }
  </section>`;
}

function viewFinding(finding: FindingDetail, hints: Hints, now: number): TemplateResult {
  const { severity, code, name, message, file, line, resource, path, block, trustDomain, since } = finding;
  const hint = hints[code];
  const place = [
    file === undefined ? undefined : `${file}${line === undefined ? '' : `:${line}`}`,
    path,
    block === undefined ? undefined : `block ${block}`,
  ].filter((part) => part !== undefined);
  return html`<li>
    <details>
      <summary>
        <span class="badge ${severity}">${severity}</span>
        <span class="message">${message}</span>
        <span class="faint"
          >${[trustDomain ?? resource ?? file, code, since === undefined ? undefined : sinceText(since, now)]
            .filter((part) => part !== undefined)
            .join(' · ')}</span
        >
      </summary>
      <dl>
        ${place.length === 0 ? nothing : entry('Where', place.join(' '))} ${entry('Resource', resource)}
        ${entry('Trust domain', trustDomain)} ${viewCertificateLink(finding.fingerprint)}
        ${entry('What is served', hint?.served)} ${entry('What to do', hint?.remedy)}
        <dt>Finding</dt>
        <dd><a href=${linkTo({ kind: 'code', code })}>${code} ${name}</a></dd>
      </dl>
    </details>
  </li>`;
}

function entry(term: string, text: string | undefined): TemplateResult | typeof nothing {
  if (text === undefined) return nothing;
  return html`<dt>${term}</dt>
    <dd>${text}</dd>`;
}

/** The view of a certificate that is not served says so. */
function viewCertificateLink(fingerprint: string | undefined): TemplateResult | typeof nothing {
  if (fingerprint === undefined) return nothing;
  return html`<dt>Certificate</dt>
    <dd><a class="mono" href=${linkTo({ kind: 'ca', fingerprint })}>${fingerprint}</a></dd>`;
}
