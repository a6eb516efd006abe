/** Printable characters of ASCII. */
const printable = /^[ -~]*$/;
const pemBegin = '-----BEGIN ';
const pemBlock = /-----BEGIN [^-]*-----[^]*?(?:-----END [^-]*-----|$)/g;
/**
 * Characters from outside that must not reach a terminal. Control characters (C0, DEL, C1) control it, line breaks and
 * Unicode's line separators forge lines, bidirectional controls reorder text, and invisible characters make two names
 * look alike. Lone surrogates are invalid text. The program marks its own colours with noncharacters.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufdd0-\ufdef]+/gu;
/*
 * Only these characters of a long text are searched for `unsafe`, which knows all of Unicode: the first search takes
 * 0.35 ms for 230 KB, and `unsafe` alone 1.4 ms. A run of them does not divide a surrogate pair.
 */
const unusualInLines = /[^\n\t -~]+/g;
const unusualInJson = /[^\n -~]+/g;

/**
 * Returns text of a peer or a file in a form for a log line: one line, at most `maxLength` characters, without control
 * characters, and without content between PEM markers.
 */
export function plainText(text: string, maxLength = 500): string {
  // Nearly every text: one search instead of two that know all of Unicode.
  if (text.length <= maxLength && printable.test(text) && !text.includes(pemBegin)) return text.trim();
  // Cut first, so that a long text costs no more than a short one; a PEM block that is cut off is removed as well.
  const cut = oneLine(text.slice(0, maxLength * 4).replace(pemBlock, '[PEM]')).trim();
  return cut.length > maxLength ? `${cut.slice(0, maxLength)}…` : cut;
}

/** Returns text on one line, with a space for each run of unsafe characters. */
export function oneLine(text: string): string {
  return text.replace(unsafe, ' ');
}

/** Returns text with several lines: keeps line breaks and tabs, replaces other unsafe characters by spaces. */
export function plainLines(text: string): string {
  return text.replace(unusualInLines, (run) => run.replace(unsafe, ' '));
}

/** Returns a copy of JSON data in which every string is on one line and safe. */
export function plainStrings<Data>(data: Data): Data {
  return mapStrings(data, oneLine) as Data;
}

/** Maps every string in JSON data by its value and key; keys of objects stay. */
export function mapStrings(data: unknown, change: (text: string, key: string) => string, key = ''): unknown {
  if (typeof data === 'string') return change(data, key);
  if (Array.isArray(data)) return data.map((value: unknown) => mapStrings(value, change, key));
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => [name, mapStrings(value, change, name)]),
  );
}

/** Returns equivalent JSON text in which unsafe characters are escaped. Keeps its line breaks. */
export function plainJson(json: string): string {
  return json.replace(unusualInJson, (run) => run.replace(unsafe, escapeUnits));
}

function escapeUnits(text: string): string {
  return text.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Returns true if text contains unsafe characters other than line breaks and tabs. */
export function isUnsafe(text: string): boolean {
  return plainLines(text) !== text;
}
