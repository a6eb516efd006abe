import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';

/** The file of the Prometheus rules. */
export const rulesFile: string = fileURLToPath(
  new URL('../../../deploy/observability/meshtrust.rules.yaml', import.meta.url),
);

/** An alert of the file. */
export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly runbook: string;
  };
}

/** A recording rule. */
export interface Recording {
  readonly record: string;
  readonly expr: string;
}

const document = load(await readFile(rulesFile, 'utf8')) as {
  readonly groups: readonly { readonly name: string; readonly rules: readonly (Alert | Recording)[] }[];
};

export const ruleGroups: typeof document.groups = document.groups;

const rules = ruleGroups.flatMap((group) => group.rules);

export const alerts: readonly Alert[] = rules.flatMap((rule) => ('alert' in rule ? [rule] : []));

/** The expressions of all rules, including recording rules. */
export const ruleExpressions: readonly string[] = rules.map(({ expr }) => expr);
