import type { CommandValue, OptionNode } from '../completion/command-tree.ts';

/** The label of pods that the Helm chart and the manifests install. */
const usualSelector = 'app.kubernetes.io/name=meshtrust';
/** The port of the admin API in the pods. */
const usualPort = '5680';

/** The plugin's own options, and the remaining arguments, which belong to the program. */
export interface KubectlArguments {
  /** Options for kubectl, before all others. */
  readonly kubectl: readonly string[];
  /** Label selector of the servers' pods. */
  readonly selector: string;
  /** Port of the admin API in the pods. */
  readonly port: string;
  readonly rest: readonly string[];
}

/** Options of the plugin, in addition to those of the program. */
export const kubectlOptions: readonly (OptionNode & { readonly value: CommandValue })[] = [
  {
    names: ['--namespace', '-n'],
    description: 'namespace of the pods; default: the namespace of the context',
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

/** The long name of each option, by its short and long names. */
const known: ReadonlyMap<string, string> = new Map(
  kubectlOptions.flatMap(({ names }) => names.map((name) => [name, names[0] ?? name] as const)),
);

/** The plugin's addition to the help of the program. */
export const kubectlHelp = `
Without --server, commands ask every meshtrust pod of a cluster through kubectl port-forward:
${kubectlOptions.map(helpOf).join('\n')}
`;

function helpOf({ names, description, value }: (typeof kubectlOptions)[number]): string {
  const what = value.kind === 'text' ? value.name : value.kind;
  return `  ${`${names.toReversed().join(', ')} <${what}>`.padEnd(22)}  ${description}`;
}

/**
 * Removes the plugin's options from a command line, at any position: `--name value`, `--name=value`, `-n value`,
 * `-nvalue`. Leaves arguments after `--` unchanged, and all arguments of `serve`, which has options with the same
 * names. Also leaves an option without a value, which the program refuses.
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
