import { plainText } from '../../text/plain-text.ts';
import { checkCatalogue } from '../ask/check-catalogue.ts';
import type { CheckGroup, CheckName } from '../ask/check-catalogue.ts';
import type { CheckResult, Verdict } from '../ask/judge-server.ts';
import { paint } from '../terminal/output.ts';
import type { TableStyle, Tone } from '../terminal/output.ts';

/** What the command answers, as JSON. */
export interface CheckReport {
  readonly counts: Readonly<Record<Verdict, number>>;
  readonly checks: readonly ReportedCheck[];
}

/** A result with what the catalogue knows of its check; a hint and its place in the docs where it is needed. */
export interface ReportedCheck extends CheckResult {
  readonly group: CheckGroup;
  readonly claim: string;
  readonly hint?: string | undefined;
  readonly docs?: string | undefined;
}

/** Adds hints and counts. */
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
  return `docs/checks.md#${check}`;
}

const tones: Readonly<Record<Verdict, Tone>> = { ok: 'good', warning: 'warning', failed: 'bad' };
const signs: Readonly<Record<Verdict, string>> = { ok: '√', warning: '‼', failed: '×' };
/** Where there are no colours there may be no such characters either. */
const plainSigns: Readonly<Record<Verdict, string>> = { ok: '[ok]  ', warning: '[warn]', failed: '[fail]' };

/** Details of a failed check that are shown, but for a wide output. */
const shown = 5;
const lineLength = 500;

/** A line for each check under the name of its server; what is wrong, and what to do, below the line. */
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
