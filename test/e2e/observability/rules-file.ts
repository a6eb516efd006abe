import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';

/** The rules for Prometheus. */
export const rulesFile: string = fileURLToPath(
  new URL('../../../deploy/observability/meshtrust.rules.yaml', import.meta.url),
);

/** An alert, as it is in the file. */
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

/** A rule that gives a name to a question. */
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

/** What all rules ask, recordings included. */
export const ruleExpressions: readonly string[] = rules.map(({ expr }) => expr);
