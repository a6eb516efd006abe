import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import { count, sinceText } from './format.ts';
import { errorCount } from './problems.ts';
import type { Problem } from './problems.ts';
import { linkTo } from './route.ts';

/** Number of problems that are shown. */
const most = 12;

/** Shows problems, the most severe first: what, where, since when. In the view of a mesh, `mesh` is not repeated. */
export function viewProblems(
  problems: readonly Problem[],
  now: number,
  mesh?: string,
): TemplateResult | typeof nothing {
  if (problems.length === 0) return nothing;
  return html`<ul class="problems">
      ${problems.slice(0, most).map((problem) => viewProblem(problem, now, mesh))}
    </ul>
    ${
      problems.length > most
        ? html`<p>
            <a href=${linkTo({ kind: 'findings' })}>${count(problems.length - most, 'more', 'more')}</a>
          </p>`
        : nothing
    }`;
}

/** Returns the verdict about problems: `2 problems, 1 warning`. */
export function verdictOf(problems: readonly Problem[]): string {
  const errors = errorCount(problems);
  const warnings = problems.length - errors;
  if (errors > 0) return count(errors, 'problem');
  return warnings > 0 ? `No problems, ${count(warnings, 'warning')}` : 'No problems';
}

/** Returns the class of a verdict. */
export function toneOf(problems: readonly Problem[]): 'bad' | 'warn' | 'good' {
  return errorCount(problems) > 0 ? 'bad' : problems.length > 0 ? 'warn' : 'good';
}

function viewProblem(
  { severity, what, where, link, since, code }: Problem,
  now: number,
  mesh: string | undefined,
): TemplateResult {
  const parts = [
    where === mesh ? undefined : where,
    code === undefined ? undefined : html`<a href=${linkTo({ kind: 'code', code })}>${code}</a>`,
    since === undefined ? undefined : html`<span class="age">${sinceText(since, now)}</span>`,
  ].filter((part) => part !== undefined);
  return html`<li class=${severity}>
    <a href=${link}>${what}</a>
    <span class="faint">${parts.map((part, index) => html`${index === 0 ? '' : ' · '}${part}`)}</span>
  </li>`;
}
