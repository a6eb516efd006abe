/** The number of characters that are read in one step, which takes a few milliseconds. */
const charactersPerStep = 65_536;

/**
 * Returns, in steps, whether an object of a valid JSON text has two members of the same name. `JSON.parse` takes the
 * last of them, and other parsers the first, so two readers could see two documents.
 */
export function* duplicateNamesSteps(json: string): Generator<undefined, boolean> {
  /** The names so far of each open object; `undefined` for an open array. */
  const open: (Set<string> | undefined)[] = [];
  let nextStep = charactersPerStep;
  for (let at = 0; at < json.length; at += 1) {
    if (at >= nextStep) {
      nextStep = at + charactersPerStep;
      yield undefined;
    }
    const character = json[at];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = endOfString(json, at);
      const names = open.at(-1);
      if (names !== undefined && isName(json, end)) {
        const name = JSON.parse(json.slice(at, end)) as string;
        if (names.has(name)) return true;
        names.add(name);
      }
      at = end - 1;
    }
  }
  return false;
}

/** Returns the offset after the closing quote of the string at `start`. */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** True if a colon follows, after white space. */
function isName(json: string, from: number): boolean {
  let at = from;
  while (json[at] === ' ' || json[at] === '\n' || json[at] === '\r' || json[at] === '\t') at += 1;
  return json[at] === ':';
}
