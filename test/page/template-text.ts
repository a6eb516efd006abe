/** Returns the HTML of a template, without a browser: the parts of it and its values in order. */
export function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join('');
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (typeof value !== 'object' || value === null || !('strings' in value) || !('values' in value)) return '';
  const { strings, values } = value as {
    readonly strings: readonly string[];
    readonly values: readonly unknown[];
  };
  return strings.map((text, index) => text + textOf(values[index])).join('');
}

/** Returns the text that a reader sees of some HTML. */
export function plainOf(html: string): string {
  return html
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
