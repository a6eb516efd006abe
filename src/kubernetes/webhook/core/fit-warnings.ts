/**
 * The limits of the API server for warnings, in characters. It cuts longer warnings, and drops warnings beyond the
 * total without notice (admission/v1 AdmissionResponse; k8s.io/apiserver, filters/warning.go).
 */
export const maxWarningLength = 256;
export const maxTotalLength = 4096;

/** Space for the warning that counts those that are left out. */
const reserve = 64;

/**
 * Returns as many of the warnings, the most important first, as the API server passes on. If some do not fit, the last
 * warning counts them.
 */
export function fitWarnings(warnings: readonly string[]): readonly string[] {
  const texts = [...new Set(warnings.map(fit))];
  const fitting: string[] = [];
  let sum = 0;
  for (const [index, text] of texts.entries()) {
    sum += text.length;
    const limit = index === texts.length - 1 ? maxTotalLength : maxTotalLength - reserve;
    if (sum > limit) return [...fitting, `and ${texts.length - index} more warnings`];
    fitting.push(text);
  }
  return fitting;
}

/** Puts a warning on one line, because it becomes an HTTP header, and cuts it to the limit. */
function fit(text: string): string {
  const line = text.replaceAll(/\p{Cc}+/gu, ' ');
  return line.length <= maxWarningLength ? line : `${line.slice(0, maxWarningLength - 1)}…`.toWellFormed();
}
