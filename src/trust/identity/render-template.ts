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
 * The limit on the characters of a template, and of its text. A trust domain has at most 253. A label can be as long as
 * a document and be used thousands of times, so a text without a limit would not fit into the memory.
 */
const longest = 4096;

/**
 * Renders a trust domain template of a MeshIdentity: the part of Go's text/template that trust domains need, which is
 * text, `{{ .Mesh }}`, `{{ .Zone }}`, `{{ label "key" }}`, comments and trim markers. Any other action fails: a guess
 * would be another trust domain. So does a template that is too long.
 */
export function renderTemplate(template: string, values: TemplateValues): Rendering {
  if (template.length > longest) return tooLong('it');
  let rendered = '';
  let text = template;
  for (;;) {
    const begin = text.indexOf('{{');
    if (begin === -1) return withinLimit(rendered + text);
    const end = endOfAction(text, begin);
    if (end === undefined) return { kind: 'failed', reason: 'an action is not closed' };
    const { body, trimsBefore, trimsAfter } = readAction(text.slice(begin + 2, end));
    const before = text.slice(0, begin);
    rendered += trimsBefore ? withoutBlankEnd(before) : before;
    const value = evaluate(body, values);
    if (value.kind !== 'text') return value;
    rendered += value.text;
    if (rendered.length > longest) return tooLong('its text');
    const after = text.slice(end + 2);
    text = trimsAfter ? after.replace(/^[ \t\r\n]+/, '') : after;
  }
}

function withinLimit(text: string): Rendering {
  return text.length > longest ? tooLong('its text') : { kind: 'text', text };
}

function tooLong(what: string): Rendering {
  return { kind: 'failed', reason: `${what} has more than ${longest} characters` };
}

/** Removes white space from the end. A loop, since `/[ \t\r\n]+$/` is quadratic in blanks before other characters. */
function withoutBlankEnd(text: string): string {
  let end = text.length;
  while (end > 0 && ' \t\r\n'.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
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
