import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import { absolute, distance } from './format.ts';
import { commandsOf } from './commands.ts';
import type { Actions, PageState } from './page-state.ts';

/** Shows how far a time is from now; the time itself is its title. `at` is RFC 3339. */
export function viewTime(at: string, now: number): TemplateResult {
  return html`<time datetime=${at} title=${absolute(at)}>${distance(Date.parse(at), now)}</time>`;
}

/** Shows a button that copies a text. */
export function viewCopy(
  text: string,
  what: string,
  { copied }: Pick<PageState, 'copied'>,
  { copy }: Pick<Actions, 'copy'>,
): TemplateResult {
  return html`<button type="button" class="copy" @click=${() => copy(text)}>
    ${copied === text ? 'Copied' : 'Copy'}<span class="unseen"> ${what}</span>
  </button>`;
}

/** Shows the command lines of the view. */
export function viewCommands(state: PageState, actions: Actions): TemplateResult | typeof nothing {
  const commands = commandsOf(state);
  if (commands.length === 0) return nothing;
  return html`<details class="commands">
    <summary>Commands</summary>
    <ul>
      ${commands.map(
        ({ purpose, line }) =>
          html`<li>
            <span>${purpose}</span> <code>${line}</code> ${viewCopy(line, 'the command', state, actions)}
          </li>`,
      )}
    </ul>
  </details>`;
}
