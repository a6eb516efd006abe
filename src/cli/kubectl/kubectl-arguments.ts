import type { CommandValue, OptionNode } from '../completion/command-tree.ts';

/** The label that the chart and the manifests give to the pods. */
const usualSelector = 'app.kubernetes.io/name=meshtrust';
/** The port of the admin API in the pods. */
const usualPort = '5680';

/** What the command line of the plugin says about the cluster; the rest is that of the program. */
export interface KubectlArguments {
  /** For kubectl, before anything else. */
  readonly kubectl: readonly string[];
  /** Which pods are servers. */
  readonly selector: string;
  /** The port of the admin API in them. */
  readonly port: string;
  readonly rest: readonly string[];
}

/** Options of the plugin, beside those of the program. */
export const kubectlOptions: readonly (OptionNode & { readonly value: CommandValue })[] = [
  {
    names: ['--namespace', '-n'],
    description: 'where the pods are; else that of the context',
    value: { kind: 'text', name: 'name' },
  },
  { names: ['--context'], description: 'context of kubectl', value: { kind: 'text', name: 'name' } },
  { names: ['--kubeconfig'], description: 'kubeconfig of kubectl', value: { kind: 'file' } },
  {
    names: ['--selector', '-l'],
    description: `label of the pods (default: ${usualSelector})`,
    value: { kind: 'text', name: 'label' },
  },
  {
    names: ['--admin-port'],
    description: `port of the admin API in the pods (default: ${usualPort})`,
    value: { kind: 'text', name: 'number' },
  },
];

/** The long name of each, by any of them. */
const known: ReadonlyMap<string, string> = new Map(
  kubectlOptions.flatMap(({ names }) => names.map((name) => [name, names[0] ?? name] as const)),
);

/** What the help of the plugin says beside that of the program. */
export const kubectlHelp = `
Without --server it asks every meshtrust pod of a cluster, by way of kubectl port-forward:
${kubectlOptions.map(helpOf).join('\n')}
`;

function helpOf({ names, description, value }: (typeof kubectlOptions)[number]): string {
  const what = value.kind === 'text' ? value.name : value.kind;
  return `  ${`${names.toReversed().join(', ')} <${what}>`.padEnd(22)}  ${description}`;
}

/**
 * Takes kubectl's own options out of a command line, wherever they are: `--name value`, `--name=value`,
 * `-n value`, `-nvalue`. What follows `--` is left as it is, and so is all of `serve`, which has some of these
 * names for itself. An option without its value is left to the program to refuse.
 */
export function splitKubectlArguments(args: readonly string[]): KubectlArguments {
  const taken = new Map<string, string>();
  const rest: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    if (arg === '--' || (rest.length === 0 && arg === 'serve')) {
      rest.push(...args.slice(at));
      break;
    }
    const option = optionOf(arg);
    const value = option?.value ?? args[at + 1];
    if (option === undefined || value === undefined) rest.push(arg);
    else {
      taken.set(option.name, value);
      if (option.value === undefined) at += 1;
    }
  }
  const pass = ['--namespace', '--context', '--kubeconfig'].flatMap((name) => {
    const value = taken.get(name);
    return value === undefined ? [] : [`${name}=${value}`];
  });
  return {
    kubectl: pass,
    selector: taken.get('--selector') ?? usualSelector,
    port: taken.get('--admin-port') ?? usualPort,
    rest,
  };
}

function optionOf(arg: string): { readonly name: string; readonly value: string | undefined } | undefined {
  const [, long, value] = /^(--[a-z-]+)(?:=(.*))?$/s.exec(arg) ?? [];
  if (long !== undefined) return known.has(long) ? { name: long, value } : undefined;
  const name = known.get(arg.slice(0, 2));
  if (name === undefined) return undefined;
  const attached = arg.slice(2).replace(/^=/, '');
  return { name, value: attached === '' ? undefined : attached };
}
