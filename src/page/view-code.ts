import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { PageState } from './page-state.ts';
import { viewFindings } from './view-findings.ts';

/** Shows what a code means, and the findings that have it. */
export function viewCode({ route, hints, findings, about, now }: PageState): TemplateResult {
  const code = route.kind === 'code' ? route.code : '';
  const hint = Object.hasOwn(hints, code) ? hints[code] : undefined;
  const found = findings?.findings.filter((finding) => finding.code === code);
  if (hint === undefined)
    return html`<section>
      <h2>Not found</h2>
      <p>There is no finding with the code ${code}.</p>
    </section>`;
  return html`
    <section class="verdict">
      <h2>${code} ${hint.name}</h2>
      <p class="about">${hint.about}</p>
      <dl class="fields">
        <dt>What is served</dt>
        <dd>${hint.served}</dd>
        <dt>What to do</dt>
        <dd>${hint.remedy}</dd>
      </dl>
      ${
        about?.documentation === undefined
          ? nothing
          : html`<p>
              <a href="${about.documentation}findings.md#${code.toLowerCase()}-${hint.name}" rel="noreferrer"
                >${code} in the documentation</a
              >
            </p>`
      }
    </section>
    ${viewFindings(found, hints, now)}
  `;
}
