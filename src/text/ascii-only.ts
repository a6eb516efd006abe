/** Escapes all characters of a JSON text beyond ASCII. The text is parsed as YAML, which rejects some that JSON allows. */
export function asciiOnly(json: string): string {
  return json.replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
