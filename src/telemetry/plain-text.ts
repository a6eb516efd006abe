const pemBlock = /-----BEGIN [^-]*-----[^]*?(?:-----END [^-]*-----|$)/g;
// Line breaks would forge lines of a log, escape sequences steer a terminal (C0, DEL, C1, and the two
// line separators of Unicode).
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const controlCharacters = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/**
 * Text of a peer or of a file, fit for a log line: on one line, at most `maxLength` characters, without
 * control characters, and without anything between PEM markers.
 */
export function plainText(text: string, maxLength = 500): string {
  // Cut first, so that a long text costs no more than a short one; an unfinished PEM block goes as well.
  const cut = text
    .slice(0, maxLength * 4)
    .replace(pemBlock, '[PEM]')
    .replace(controlCharacters, ' ')
    .trim();
  return cut.length > maxLength ? `${cut.slice(0, maxLength)}…` : cut;
}
