import { html, nothing, svg } from 'lit-html';
import type { TemplateResult } from 'lit-html';
import { marks, positionOf, spanOf } from './life.ts';
import type { Life, LifeState } from './life.ts';

/** Draws the validity of a certificate on the axis of `viewAxis`. */
export function viewLife(life: Life, state: LifeState, now: number): TemplateResult {
  const span = spanOf(life, now);
  return html`<svg class="bar" viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">
    <rect class="track" x="0" y="8" width="1000" height="4"></rect>
    ${span === undefined ? nothing : svg`<rect class=${state} x=${span.start} y="5" width=${span.width} height="10"></rect>`}
    ${marks.map(({ after }) => {
      const at = positionOf(now + after, now);
      return svg`<line class=${after === 0 ? 'now' : 'mark'} x1=${at} x2=${at} y1="0" y2="20"></line>`;
    })}
  </svg>`;
}

/** Draws the labels of the axis. */
export function viewAxis(now: number): TemplateResult {
  return html`<svg class="axis" aria-hidden="true">
    ${marks.map(({ label, after }) => {
      const at = positionOf(now + after, now);
      const anchor = at > 950 ? 'end' : at < 50 ? 'start' : 'middle';
      return svg`<text class=${after === 0 ? 'now' : ''} text-anchor=${anchor} x="${at / 10}%" y="11">${label}</text>`;
    })}
  </svg>`;
}
