const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Parses a duration as Go writes it (`1h30m`, `-0.5s`, `0`), which Kubernetes uses in resources. Returns milliseconds,
 * or `undefined` if the text is no duration.
 */
export function parseGoDuration(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return 0;
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text.slice(0, 128));
  if (match === null || text.length > 128) return undefined;
  let sum = 0;
  for (const [, number = '', unit = ''] of (match[2] ?? '').matchAll(/(\d+\.?\d*|\.\d+)([nuµμ]?s|ms|m|h)/g))
    sum += Number(number) * (unitMs[unit] ?? 0);
  return match[1] === '-' ? -sum : sum;
}
