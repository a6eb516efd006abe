import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { FindingDetail } from '../api/api-types.ts';
import type { Hints } from '../trust/findings/hints.ts';
import { count } from './format.ts';

/** Number of findings that are shown. More of them have a common cause. */
const most = 100;

/** Shows the findings of a mesh, and what to do about each. */
export function viewFindings(findings: readonly FindingDetail[], hints: Hints): TemplateResult {
  return html`<section aria-labelledby="findings">
    <h3 id="findings">Findings</h3>
    ${
      findings.length === 0
        ? html`<p class="faint">None.</p>`
        : html`<ul class="findings">
            ${findings.slice(0, most).map((finding) => viewFinding(finding, hints))}
          </ul>`
    }
    ${
      findings.length > most
        ? html`<p class="faint">
            ${count(findings.length - most, 'more finding')} in <a href="/api/v1/findings">the admin API</a>.
          </p>`
        : nothing
    }
  </section>`;
}

function viewFinding(finding: FindingDetail, hints: Hints): TemplateResult {
  const { severity, code, name, message, file, line, resource, path, block, trustDomain, fingerprint } =
    finding;
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
        <span class="mono">${code}</span> <span class="faint">${name}</span>
        <span class="message">${trustDomain === undefined ? '' : `${trustDomain}: `}${message}</span>
        ${trustDomain === undefined ? html`<span class="faint">${resource ?? file}</span>` : nothing}
      </summary>
      <dl>
        ${place.length === 0 ? nothing : entry('Where', place.join(' '))} ${entry('Resource', resource)}
        ${entry('Certificate', fingerprint)} ${entry('What is served', hint?.served)}
        ${entry('What to do', hint?.remedy)}
      </dl>
    </details>
  </li>`;
}

function entry(term: string, text: string | undefined): TemplateResult | typeof nothing {
  if (text === undefined) return nothing;
  return html`<dt>${term}</dt>
    <dd>${text}</dd>`;
}
