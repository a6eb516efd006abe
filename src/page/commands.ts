import type { PageState } from './page-state.ts';
import { filterOf } from './route.ts';
import type { Route } from './route.ts';

/** A command line that shows or changes the same as a view. */
export interface Command {
  readonly purpose: string;
  readonly line: string;
}

/** The parts of the state that command lines contain. */
export type CommandInput = Pick<
  PageState,
  'route' | 'mesh' | 'ca' | 'about' | 'identities' | 'federation' | 'consumers' | 'origin'
>;

/** The server that commands ask by default. */
const usualServer = 'http://127.0.0.1:5680';
/** Number of objects of the API server that are named. */
const mostObjects = 5;

/**
 * Returns command lines for a view, ready to be pasted into a shell. Names come from proxies and resources: they are
 * quoted, and a name that a terminal may interpret gets no command.
 */
export function commandsOf(state: CommandInput): readonly Command[] {
  return linesOf(state).flatMap(([purpose, words]) => {
    const server =
      words[0] === 'meshtrust' && state.origin !== usualServer ? [`--server=${state.origin}`] : [];
    const line = [...words, ...server];
    return line.every(isPrintable) ? [{ purpose, line: line.map(quoted).join(' ') }] : [];
  });
}

type Line = readonly [purpose: string, words: readonly string[]];

function linesOf({
  route,
  mesh,
  ca,
  about,
  identities,
  federation,
  consumers,
}: CommandInput): readonly Line[] {
  const isInCluster = about?.sources.some(({ name }) => name === 'kubernetes') === true;
  switch (route.kind) {
    case 'overview':
    case 'findings':
    case 'code':
      return [['Check servers, trust and proxies', ['meshtrust', 'check']]];
    case 'cas':
      return [];
    case 'search':
      return [];
    case 'mesh':
      return [
        ...meshLines(route, mesh?.version),
        ...(identities?.identities.some((identity) => identity.mesh === route.mesh) === true
          ? ([['List its MeshIdentities', ['meshtrust', 'identities', `--mesh=${route.mesh}`]]] as const)
          : []),
        ...(federation?.relationships.some(({ mesh: of }) => of === route.mesh) === true
          ? ([
              ['List the bundles that it fetches', ['meshtrust', 'federation', `--mesh=${route.mesh}`]],
            ] as const)
          : []),
        ...(consumers?.published.some((bundle) => bundle.mesh === route.mesh) === true
          ? ([['List who fetched its bundles', ['meshtrust', 'federation', 'consumers']]] as const)
          : []),
        ...objectLines(
          isInCluster,
          mesh?.trustDomains.flatMap(({ anchors }) => anchors.flatMap(({ resources }) => resources)),
        ),
      ];
    case 'proxy':
      // A word that begins with a dash would be an option.
      if (route.node === '' || route.node.startsWith('-')) return [];
      return [['Show this proxy', ['meshtrust', 'proxy-status', route.node, `--mesh=${route.mesh}`]]];
    case 'ca':
      if (ca === undefined) return [];
      return [
        [
          'Show the effect of distrusting this CA',
          ['meshtrust', 'revoke', ca.fingerprint, '--distrust=FILE', '--dry-run'],
        ],
        ...ca.places
          .slice(0, 1)
          .map(({ mesh: of, trustDomain }): Line => [
            `Print all CAs of ${trustDomain} in ${of} as a MeshTrust (YAML)`,
            ['meshtrust', 'export', `--mesh=${of}`, `--trust-domain=${trustDomain}`],
          ]),
        ...objectLines(
          isInCluster,
          ca.places.flatMap(({ resources }) => resources),
        ),
      ];
  }
}

function meshLines(route: Route & { readonly kind: 'mesh' }, version: string | undefined): readonly Line[] {
  const { state } = filterOf(route);
  const mesh = `--mesh=${route.mesh}`;
  return [
    [
      'List its proxies',
      [
        'meshtrust',
        'proxy-status',
        mesh,
        ...(state === '' || state === 'behind' ? [] : [`--state=${state}`]),
      ],
    ],
    [
      'Wait until all proxies have this version',
      ['meshtrust', 'wait', mesh, ...(version === undefined ? [] : [`--version=${version}`])],
    ],
    ['Print its trust as MeshTrusts (YAML)', ['meshtrust', 'export', mesh]],
    ['Print its CA certificates (PEM)', ['meshtrust', 'bundle', mesh, '--format=pem']],
  ];
}

/** A MeshTrust with a namespace, `mesh/namespace/name`, or a MeshIdentity, `meshidentity:mesh/namespace/name`. */
const object =
  /^(?<of>meshidentity:)?[^/:]+\/(?<namespace>[a-z0-9-]+)\/(?<name>[a-z0-9][a-z0-9.-]*)(?:@[^@/]*)?$/;

/** Returns how to read the objects of the API server that list CAs. */
function objectLines(isInCluster: boolean, resources: readonly string[] = []): readonly Line[] {
  if (!isInCluster) return [];
  const objects = [...new Set(resources)].flatMap((resource): readonly Line[] => {
    const { of, namespace, name } = object.exec(resource)?.groups ?? {};
    if (namespace === undefined || name === undefined) return [];
    const kind = of === undefined ? 'meshtrust' : 'meshidentity';
    const words = ['kubectl', 'get', kind, name, `--namespace=${namespace}`, '--output=yaml'];
    return [[`Show ${namespace}/${name}`, words]];
  });
  return objects.slice(0, mostObjects);
}

/** Returns true for text without control characters, line breaks and invisible characters. */
function isPrintable(word: string): boolean {
  return !/[\p{C}\p{Zl}\p{Zp}]/u.test(word);
}

/** Quotes a word for POSIX shells, if it needs quotes. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
