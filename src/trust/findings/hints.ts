/** The effect of a finding on the served trust, and its remedy. */
export interface Hint {
  readonly served: string;
  readonly remedy: string;
}

/** Hints by finding code. */
export type Hints = Readonly<Record<string, Hint>>;

const section = /^## (?<code>MT\d{3}) .*$/gm;
const served = /^- \*\*What is served:\*\* (?<text>.+)$/m;
const remedy = /^- \*\*What to do:\*\* (?<text>.+)$/m;

/** Extracts the hints from the text of `docs/findings.md`, as plain text. */
export function parseHints(text: string): Hints {
  const starts = [...text.matchAll(section)];
  const hints = starts.flatMap((start, index): [string, Hint][] => {
    const body = text.slice(start.index, starts[index + 1]?.index);
    const [isServed, toDo] = [served, remedy].map((pattern) => pattern.exec(body)?.groups?.['text']);
    if (isServed === undefined || toDo === undefined) return [];
    return [[start.groups?.['code'] ?? '', { served: plain(isServed), remedy: plain(toDo) }]];
  });
  return Object.fromEntries(hints);
}

/** Removes the Markdown marks; a link keeps its text. */
function plain(text: string): string {
  const words = text
    .replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .replaceAll('`', '')
    .replaceAll('**', '');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
