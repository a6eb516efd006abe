/** The values that a template can use. */
export interface TemplateValues {
  readonly mesh: string;
  /** `undefined` if the zone is not known. */
  readonly zone: string | undefined;
  /** The labels of the MeshIdentity. */
  readonly labels: Readonly<Record<string, string>>;
}

/** The text of a template, or the reason why it has none. */
export type Rendering =
  | { readonly kind: 'text'; readonly text: string }
  /** The template uses the zone, which is not known. */
  | { readonly kind: 'zone-unknown' }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * Renders a trust domain template of a MeshIdentity: the part of Go's text/template that trust domains need, which is
 * text, `{{ .Mesh }}`, `{{ .Zone }}`, `{{ label "key" }}`, comments and trim markers. Any other action fails: a guess
 * would be another trust domain.
 */
export function renderTemplate(template: string, values: TemplateValues): Rendering {
  const parts: string[] = [];
  let text = template;
  for (;;) {
    const begin = text.indexOf('{{');
    if (begin === -1) return { kind: 'text', text: parts.join('') + text };
    const end = endOfAction(text, begin);
    if (end === undefined) return { kind: 'failed', reason: 'an action is not closed' };
    const { body, trimsBefore, trimsAfter } = readAction(text.slice(begin + 2, end));
    const before = text.slice(0, begin);
    parts.push(trimsBefore ? before.replace(/[ \t\r\n]+$/, '') : before);
    const value = evaluate(body, values);
    if (value.kind !== 'text') return value;
    parts.push(value.text);
    const after = text.slice(end + 2);
    text = trimsAfter ? after.replace(/^[ \t\r\n]+/, '') : after;
  }
}

/** Returns the offset of the `}}` of the action at `begin`: not one inside of a quoted text or a comment. */
function endOfAction(text: string, begin: number): number | undefined {
  const comment = /^\{\{(?:- )?\/\*/.exec(text.slice(begin, begin + 6));
  const from = comment === null ? begin + 2 : text.indexOf('*/', begin + comment[0].length);
  if (from === -1) return undefined;
  let quote: string | undefined;
  for (let at = from; at < text.length; at += 1) {
    const character = text[at];
    if (quote !== undefined) {
      if (character === quote) quote = undefined;
    } else if (character === '"' || character === '`') quote = character;
    else if (text.startsWith('}}', at)) return at;
  }
  return undefined;
}

/** A trim marker is a dash with white space between it and the action. */
function readAction(action: string): { body: string; trimsBefore: boolean; trimsAfter: boolean } {
  const trimsBefore = /^-[ \t\r\n]/.test(action);
  const trimsAfter = /[ \t\r\n]-$/.test(action);
  const body = action.slice(trimsBefore ? 1 : 0, trimsAfter ? -1 : undefined);
  return { body: body.trim(), trimsBefore, trimsAfter };
}

function evaluate(body: string, { mesh, zone, labels }: TemplateValues): Rendering {
  if (/^\/\*[\s\S]*\*\/$/.test(body)) return { kind: 'text', text: '' };
  if (body === '.Mesh') return { kind: 'text', text: mesh };
  if (body === '.Zone') return zone === undefined ? { kind: 'zone-unknown' } : { kind: 'text', text: zone };
  const label = /^label[ \t]+(?:"([^"\\\r\n]*)"|`([^`]*)`)$/.exec(body);
  if (label === null)
    return {
      kind: 'failed',
      reason: 'an action is not understood: only .Mesh, .Zone and label "key" are',
    };
  const key = label[1] ?? label[2] ?? '';
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  return value === undefined
    ? { kind: 'failed', reason: 'it uses a label that the resource does not have' }
    : { kind: 'text', text: value };
}
