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
  const { trustDomain, gates, next, earliestFinish, switchedAt } = rotation;
  const { now } = state;
  const [tone, text] = states[rotation.state];
  const shut = gates.filter(({ open }) => !open);
  return html`<div class="rotation">
    <p><strong>${trustDomain}</strong> <span class="badge ${tone}">${rotation.state}</span> ${text}</p>
    <p class="faint">
      ${viewCa(rotation, rotation.old)} →
      ${viewCa(rotation, rotation.new)}${
        switchedAt === undefined ? nothing : html` · issuer switched ${viewTime(switchedAt, now)}`
      }${earliestFinish === undefined ? nothing : html` · last leaf ends ${viewTime(earliestFinish, now)}`}
    </p>
    ${
      shut.length === 0
        ? nothing
        : html`<ul class="gates">
            ${shut.map(({ id, detail }) => html`<li><code>${id}</code> ${detail}</li>`)}
          </ul>`
    }
    <p>
      ${next.allowed ? 'Next:' : 'When every gate is open:'} <code>${next.command}</code>
      ${viewCopy(next.command, 'the command', state, actions)}
    </p>
  </div>`;
}

function viewCa({ listed }: RotationDetail, fingerprint: string): TemplateResult {
  const subject = listed.find((ca) => ca.fingerprint === fingerprint)?.subject;
  const title = subject === undefined ? fingerprint.slice(0, 16) : splitSubject(subject).title;
  return html`<a href=${linkTo({ kind: 'ca', fingerprint })}>${title}</a>`;
}
