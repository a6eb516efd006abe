import { html, nothing } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import type { RotationDetail, RotationList } from '../api/rotation-api-types.ts';
import { count } from './format.ts';
import type { Actions, PageState } from './page-state.ts';
import { linkTo } from './route.ts';
import { splitSubject } from './subject.ts';
import { viewCopy, viewTime } from './view-parts.ts';

/** The states of a rotation for people, and what it waits for. */
const states: Readonly<Record<RotationDetail['state'], readonly [tone: string, text: string]>> = {
  introducing: ['warn', 'until all proxies have both CAs'],
  introduced: ['good', 'ready: let the issuer sign with the new CA'],
  draining: ['warn', 'until no leaf of the old CA can be valid'],
  removable: ['good', 'ready: remove the old CA'],
  finishing: ['warn', 'until all proxies have the removal'],
  steady: ['good', 'done: remove the annotations'],
};

/** The steps of a rotation, each with the state in which it is the next one. */
const steps: readonly (readonly [state: RotationDetail['state'], text: string])[] = [
  ['introducing', 'All proxies have both CAs'],
  ['introduced', 'The issuer signs with the new CA'],
  ['draining', 'No leaf of the old CA is valid'],
  ['removable', 'The old CA is removed'],
  ['finishing', 'All proxies have the removal'],
  ['steady', 'The annotations are removed'],
];

/** Shows the rotations of CAs in a mesh, and what keeps each from its next step. */
export function viewRotations(
  list: RotationList | undefined,
  state: PageState,
  actions: Actions,
): TemplateResult | typeof nothing {
  const rotations = list?.rotations ?? [];
  if (rotations.length === 0) return nothing;
  return html`<section aria-labelledby="rotations">
    <h2 id="rotations">${count(rotations.length, 'rotation')} in progress</h2>
    ${rotations.map((rotation) => viewRotation(rotation, state, actions))}
  </section>`;
}

function viewRotation(rotation: RotationDetail, state: PageState, actions: Actions): TemplateResult {
  const { trustDomain, next, earliestFinish, earliestAbort, switchedAt, seen } = rotation;
  const { now } = state;
  const [tone, text] = states[rotation.state];
  return html`<div class="rotation">
    <p><strong>${trustDomain}</strong> <span class="badge ${tone}">${rotation.state}</span> ${text}</p>
    <p class="faint">
      ${viewCa(rotation, rotation.old)} →
      ${viewCa(rotation, rotation.new)}${
        switchedAt === undefined ? nothing : html` · issuer switched ${viewTime(switchedAt, now)}`
      }${earliestFinish === undefined ? nothing : html` · last leaf ends ${viewTime(earliestFinish, now)}`}${earliestAbort === undefined ? nothing : html` · last leaf of the new CA ends ${viewTime(earliestAbort, now)}`}${viewSeen(seen, now)}
    </p>
    ${viewSteps(rotation)}${viewForced(rotation)}
    <p>
      ${next.allowed ? 'Next:' : 'When every gate is open:'} <code>${next.command}</code>
      ${viewCopy(next.command, 'the command', state, actions)}
    </p>
  </div>`;
}

/** Shows the commands that passed gates by force. */
function viewForced({ forced = [] }: RotationDetail): TemplateResult | typeof nothing {
  if (forced.length === 0) return nothing;
  const text = forced.map(
    ({ at, command, gates }) => `${command} ${gates.map(({ id }) => id).join()} (${at})`,
  );
  return html`<p class="faint">Passed by force: ${text.join('; ')}</p>`;
}

/** Shows when access logs last had a client of the old CA. */
function viewSeen(seen: RotationDetail['seen'], now: number): TemplateResult | typeof nothing {
  if (seen === undefined) return nothing;
  if (seen.old !== undefined) return html` · old CA last seen ${viewTime(seen.old, now)}`;
  return seen.complete ? html` · old CA not seen` : html` · old CA not seen, but not observed all the time`;
}

/** Shows all steps, and below the next one what it waits for. */
function viewSteps({ state, gates }: RotationDetail): TemplateResult {
  const current = steps.findIndex(([name]) => name === state);
  const shut = gates.filter(({ open }) => !open);
  return html`<ol class="steps">
    ${steps.map(
      ([, text], index) =>
        html`<li
          class=${index < current ? 'done' : index === current ? 'next' : 'later'}
          aria-current=${index === current ? 'step' : nothing}
        >
          ${text}${
            index !== current || shut.length === 0
              ? nothing
              : html`<ul class="gates">
                  ${shut.map(({ id, detail }) => html`<li><code>${id}</code> ${detail}</li>`)}
                </ul>`
          }
        </li>`,
    )}
  </ol>`;
}

function viewCa({ listed }: RotationDetail, fingerprint: string): TemplateResult {
  const subject = listed.find((ca) => ca.fingerprint === fingerprint)?.subject;
  const title = subject === undefined ? fingerprint.slice(0, 16) : splitSubject(subject).title;
  return html`<a href=${linkTo({ kind: 'ca', fingerprint })}>${title}</a>`;
}
