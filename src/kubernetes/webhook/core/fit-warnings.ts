/**
 * What the API server passes on whole: longer warnings are cut, and what is beyond the sum is dropped without a word
 * (admission/v1 AdmissionResponse; k8s.io/apiserver, filters/warning.go).
 */
export const longestWarning = 256;
export const longestSum = 4096;

/** Room for what counts those that are left out. */
const reserve = 64;

/** As many of the warnings, most important first, as reach whoever made the request; the rest is counted. */
export function fitWarnings(warnings: readonly string[]): readonly string[] {
  const texts = [...new Set(warnings.map(fit))];
  const fitting: string[] = [];
  let sum = 0;
  for (const [index, text] of texts.entries()) {
    sum += text.length;
    const room = index === texts.length - 1 ? longestSum : longestSum - reserve;
    if (sum > room) return [...fitting, `and ${texts.length - index} more warnings`];
    fitting.push(text);
  }
  return fitting;
}

/** On one line, since it becomes an HTTP header; cut where it is too long. */
function fit(text: string): string {
  const line = text.replaceAll(/\p{Cc}+/gu, ' ');
  return line.length <= longestWarning ? line : `${line.slice(0, longestWarning - 1)}…`.toWellFormed();
}
