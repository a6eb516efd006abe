import { html } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import { keys } from './keys.ts';
import type { Actions, PageState } from './page-state.ts';

/** Shows the keys of the page, in a dialog that `showModal` opens. */
export function viewHelp({ keys: areOn }: PageState, actions: Actions): TemplateResult {
  return html`<dialog id="help" aria-labelledby="help-title">
    <h2 id="help-title">Keys</h2>
    <dl class="keys">
      ${keys.map(
        ({ key, meaning }) =>
          html`<dt><kbd>${key}</kbd></dt>
            <dd>${meaning}</dd>`,
      )}
    </dl>
    <label
      ><input
        type="checkbox"
        name="keys"
        .checked=${areOn}
        @change=${(event: Event) => actions.keys((event.target as HTMLInputElement).checked)}
      />
      Use these keys</label
    >
    <form method="dialog"><button>Close</button></form>
  </dialog>`;
}
