import { plainText } from '../../text/plain-text.ts';
import { checkCatalogue } from '../ask/check-catalogue.ts';
import type { CheckGroup, CheckName } from '../ask/check-catalogue.ts';
import type { CheckResult, Verdict } from '../ask/check-result.ts';
import { paint } from '../terminal/output.ts';
import type { TableStyle, Tone } from '../terminal/output.ts';
import { documentation } from '../terminal/version.ts';

/** The command's output with `-o json`. */
export interface CheckReport {
  readonly counts: Readonly<Record<Verdict, number>>;
  readonly checks: readonly ReportedCheck[];
}

/** A result with the catalogue's entry for its check. Hint and link to the docs are absent if the check passed. */
interface ReportedCheck extends CheckResult {
  readonly group: CheckGroup;
  readonly claim: string;
  readonly hint?: string | undefined;
  readonly docs?: string | undefined;
}

/** Adds the catalogue's entries, and counts the verdicts. */
export function reportChecks(results: readonly CheckResult[]): CheckReport {
  const counts = { ok: 0, warning: 0, failed: 0 };
  for (const { verdict } of results) counts[verdict] += 1;
  const checks = results.map((result): ReportedCheck => {
    const { group, claim, hint } = checkCatalogue[result.check];
    const help = result.verdict === 'ok' ? {} : { hint, docs: docsOf(result.check) };
    return { ...result, group, claim, ...help };
  });
  return { counts, checks };
}

function docsOf(check: CheckName): string {
  return documentation(`checks.md#${check}`);
}

const tones: Readonly<Record<Verdict, Tone>> = { ok: 'good', warning: 'warning', failed: 'bad' };
const signs: Readonly<Record<Verdict, string>> = { ok: '√', warning: '‼', failed: '×' };
/** A terminal without colours may not have these characters either. */
const plainSigns: Readonly<Record<Verdict, string>> = { ok: '[ok]  ', warning: '[warn]', failed: '[fail]' };

/** Number of details of a check that are shown, except with `-o wide`. */
const shown = 5;
const lineLength = 500;

/** Renders a line for each check under the name of its server, followed by details and a hint if it did not pass. */
export function renderChecks({ checks }: CheckReport, { wide, colour }: TableStyle): string {
  const sections = Map.groupBy(checks, ({ server }) => server);
  return [...sections]
    .map(([server, some]) => {
      const title = server ?? 'all servers';
      const lines = some.flatMap(({ verdict, group, claim, details, hint, docs }) => {
        const sign = colour ? paint(signs[verdict], tones[verdict]) : plainSigns[verdict];
        const listed = details.slice(0, wide ? undefined : shown);
        const more = details.length - listed.length;
        return [
          `${sign} ${group}: ${claim}`,
          ...listed.map((detail) => `    ${plainText(detail, lineLength)}`),
          ...(more > 0 ? [`    and ${more} more (-o wide)`] : []),
          ...(hint === undefined ? [] : [`    hint: ${hint} (${docs})`]),
        ];
      });
      return [title, '-'.repeat(title.length), ...lines, ''].join('\n');
    })
    .join('\n');
}
