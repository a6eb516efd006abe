import type { FindingDetail, FindingList, MeshSummary, ReadyAnswer, UnlistedMesh } from '../api/api-types.ts';
import type { LaggingProxy, RolloutDetail } from '../api/fleet-api-types.ts';
import { count } from './format.ts';
import { linkTo } from './route.ts';

/** Something that a person should look at. */
export interface Problem {
  /** An `error` is a problem now; a `warning` becomes one, or is a risk. */
  readonly severity: 'error' | 'warning';
  readonly what: string;
  /** The mesh, or the file of a finding that belongs to no mesh. */
  readonly where: string;
  readonly mesh?: string | undefined;
  /** The finding's code. */
  readonly code?: string | undefined;
  /** RFC 3339. */
  readonly since?: string | undefined;
  /** The view that shows the details. */
  readonly link: string;
}

/** The responses from which the problems follow. */
export interface ProblemInput {
  readonly meshes: readonly MeshSummary[];
  /** Meshes of connected proxies that no MeshTrust lists. */
  readonly unlisted?: readonly UnlistedMesh[] | undefined;
  readonly findings: FindingList | undefined;
  readonly rollouts: ReadonlyMap<string, RolloutDetail>;
  readonly readiness: ReadyAnswer['status'] | undefined;
  /** The last response about the readiness, which has the reason. */
  readonly answer?: ReadyAnswer | undefined;
}

/** Returns all problems, then all warnings; first those because of which clients are refused, or soon will be. */
export function problemsOf({
  meshes,
  unlisted = [],
  findings,
  rollouts,
  readiness,
  answer,
}: ProblemInput): readonly Problem[] {
  const denying = new Set(meshes.filter(({ denyAll }) => denyAll).map(({ name }) => name));
  const all = [
    ...readinessProblems(readiness, answer),
    ...meshes.filter(({ denyAll }) => denyAll).map(({ name }) => denyAllProblem(name, rollouts.get(name))),
    ...unlisted.map(unlistedProblem),
    ...[...rollouts.values()].flatMap(proxyProblems),
    ...findingProblems(
      // The mesh that trusts no CA is in the list already.
      (findings?.findings ?? []).filter(({ code, mesh }) => code !== 'MT034' || !denying.has(mesh ?? '')),
    ),
  ];
  return all.toSorted((a, b) => rankOf(a) - rankOf(b));
}

/**
 * Sorts meshes: those that trust no CA first, then by the number of problems, of warnings, and by the earliest expiry.
 */
export function worstFirst(
  meshes: readonly MeshSummary[],
  problems: readonly Problem[],
): readonly MeshSummary[] {
  const number = (mesh: string, severity: Problem['severity']): number =>
    problems.filter((problem) => problem.mesh === mesh && problem.severity === severity).length;
  const ranks = new Map(
    meshes.map((mesh) => [
      mesh,
      [
        mesh.denyAll ? 0 : 1,
        -number(mesh.name, 'error'),
        -number(mesh.name, 'warning'),
        mesh.earliestExpiry === undefined ? Infinity : Date.parse(mesh.earliestExpiry),
      ],
    ]),
  );
  return meshes.toSorted((a, b) => compareRanks(ranks.get(a) ?? [], ranks.get(b) ?? []));
}

/** Returns the number of problems that are not mere warnings. */
export function errorCount(problems: readonly Problem[]): number {
  return problems.filter(({ severity }) => severity === 'error').length;
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? 0;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}

/** Codes of errors and warnings because of which clients are refused now, or once a hold ends. */
const refusing: ReadonlySet<string | undefined> = new Set([
  'MT018',
  'MT022',
  'MT024',
  'MT028',
  'MT029',
  'MT042',
]);

function rankOf({ severity, code }: Problem): number {
  // A problem without a code is about the server, a mesh without trust, or proxies.
  const isUrgent = code === undefined || refusing.has(code);
  return (severity === 'error' ? 0 : 2) + (isUrgent ? 0 : 1);
}

function readinessProblems(
  readiness: ReadyAnswer['status'] | undefined,
  answer: ReadyAnswer | undefined,
): readonly Problem[] {
  if (readiness === undefined || readiness === 'ready') return [];
  const what = {
    waiting: 'The server waits for the first complete read of its sources; it answers no new proxy',
    doubtful: 'The server doubts what it has read; it answers no new proxy',
    draining: 'The server is shutting down',
  }[readiness];
  const why = answer?.status === readiness ? reasonOf(answer) : '';
  return [{ severity: 'error', what: `${what}${why}`, where: 'server', link: linkTo({ kind: 'findings' }) }];
}

/** Returns the reason why a server is not ready, as the end of a sentence. */
function reasonOf(answer: ReadyAnswer): string {
  switch (answer.status) {
    case 'waiting':
      return answer.missing.length === 0 ? '' : `: ${answer.missing.join('; ')}`;
    case 'doubtful':
      return `: ${answer.reason}`;
    case 'ready':
    case 'draining':
      return '';
  }
}

function denyAllProblem(mesh: string, rollout: RolloutDetail | undefined): Problem {
  const proxies = rollout?.proxies.connected ?? 0;
  const which = proxies === 0 ? 'its proxies refuse' : count(proxies, 'proxy refuses', 'proxies refuse');
  return {
    severity: 'error',
    what: `No CA is trusted: ${which} every client`,
    where: mesh,
    mesh,
    since: rollout?.changedAt,
    link: linkTo({ kind: 'mesh', mesh }),
  };
}

function unlistedProblem({ name, proxies }: UnlistedMesh): Problem {
  const which = count(proxies, 'proxy refuses', 'proxies refuse');
  return {
    severity: 'error',
    what: `${which} every client: no MeshTrust lists the mesh that ${proxies === 1 ? 'it names' : 'they name'}`,
    where: name,
    mesh: name,
    link: linkTo({ kind: 'mesh', mesh: name }),
  };
}

function proxyProblems({ mesh, proxies, lagging, changedAt, complete }: RolloutDetail): readonly Problem[] {
  const lost = proxies.lost + proxies.forgotten;
  const states = [
    ['lost', lost, 'left while behind, and may still run with earlier CAs'],
    ['refused', proxies.refused, proxies.refused === 1 ? 'rejects its secrets' : 'reject their secrets'],
    ['stale', proxies.stale, 'behind for more than 30 s'],
  ] as const;
  const problems = states.flatMap(([state, number, what]): readonly Problem[] => {
    if (number === 0) return [];
    const only = onlyOne(
      lagging.filter((proxy) => proxy.state === state),
      number,
    );
    return [
      {
        severity: 'error',
        what: `${only === undefined ? count(number, 'proxy', 'proxies') : `Proxy ${only.node}`} ${what}`,
        where: mesh,
        mesh,
        since: earliest(lagging, state) ?? changedAt,
        link: linkTo(
          only === undefined
            ? { kind: 'mesh', mesh, filter: { state } }
            : { kind: 'proxy', mesh, node: only.node },
        ),
      },
    ];
  });
  if (complete) return problems;
  const what = 'A worker does not answer: its proxies are not counted';
  return [...problems, { severity: 'error', what, where: mesh, mesh, link: linkTo({ kind: 'mesh', mesh }) }];
}

/** Returns the proxy, if there is only one and it has a name. */
function onlyOne(proxies: readonly LaggingProxy[], number: number): LaggingProxy | undefined {
  const [only] = proxies;
  return number === 1 && only?.node !== '' ? only : undefined;
}

function earliest(lagging: readonly LaggingProxy[], state: LaggingProxy['state']): string | undefined {
  const times = lagging.flatMap((proxy) => (proxy.state === state ? (proxy.behindSince ?? []) : []));
  return times.toSorted()[0];
}

/** Returns one problem for each code and mesh: a file with 50 bad blocks is one problem. */
function findingProblems(findings: readonly FindingDetail[]): readonly Problem[] {
  const shown = findings.filter(({ severity }) => severity !== 'info');
  const groups = Map.groupBy(shown, ({ code, severity, mesh, resource, file }) =>
    [severity, code, mesh ?? meshOf(resource) ?? file].join('\n'),
  );
  return [...groups.values()].flatMap((group): readonly Problem[] => {
    const [first] = group;
    if (first === undefined) return [];
    const mesh = first.mesh ?? meshOf(first.resource);
    const more = group.length === 1 ? '' : `, and ${count(group.length - 1, 'more', 'more')} like it`;
    const times = group.flatMap(({ since }) => since ?? []).toSorted();
    return [
      {
        severity: first.severity === 'error' ? 'error' : 'warning',
        what: `${sentence(first, mesh !== undefined)}${more}`,
        where: mesh ?? first.file ?? 'server',
        mesh,
        code: first.code,
        since: times[0],
        link: linkTo(mesh === undefined ? { kind: 'findings' } : { kind: 'mesh', mesh }),
      },
    ];
  });
}

/** Returns the message of a finding, after the file if neither the message nor the problem says what it is about. */
function sentence({ message, file, fingerprint, trustDomain }: FindingDetail, isInMesh: boolean): string {
  const isAboutFile = file !== undefined && fingerprint === undefined && trustDomain === undefined;
  return isAboutFile && isInMesh ? `${file}: ${message}` : message;
}

/** Returns the mesh in the name of a resource, `mesh/namespace/name`. */
function meshOf(resource: string | undefined): string | undefined {
  return resource?.split('/')[0];
}
