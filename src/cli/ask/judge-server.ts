import type { FindingDetail, FindingList, MeshDetail } from '../../api/api-types.ts';
import type { LaggingProxy, RolloutDetail } from '../../api/fleet-api-types.ts';
import type { ServerDetail } from '../../api/server-api-types.ts';
import { dateCodes } from '../../trust/findings/catalogue.ts';
import type { FindingCode } from '../../trust/findings/catalogue.ts';
import { counted } from '../../observe/log/describe-change.ts';
import type { CheckName } from './check-catalogue.ts';
import { formatDuration } from '../terminal/output.ts';

/** What one server said of itself. */
export type ServerFacts =
  | { readonly kind: 'unreachable'; readonly server: string; readonly reason: string }
  /** It answers, but not this. */
  | { readonly kind: 'refused'; readonly server: string; readonly reason: string }
  | {
      readonly kind: 'answered';
      readonly server: string;
      readonly detail: ServerDetail;
      readonly meshes: readonly MeshDetail[];
      readonly findings: FindingList;
      readonly rollouts: readonly RolloutDetail[];
      /** Proxies of all meshes, listed or not: connected, reconnecting and lost. */
      readonly connected: number;
    };

type Answered = Extract<ServerFacts, { readonly kind: 'answered' }>;

/** How a check ended. A warning is no failure: everything works, but should be looked at. */
export type Verdict = 'ok' | 'warning' | 'failed';

export interface CheckResult {
  readonly check: CheckName;
  /** Absent for what is about all servers. */
  readonly server?: string | undefined;
  readonly verdict: Verdict;
  /** What it is about: each of what is wrong, or a word about what is well. */
  readonly details: readonly string[];
}

/** What the judgement depends on beside the facts. */
export interface Judge {
  /** Version of this command. */
  readonly version: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** All checks of one server. One that does not answer has a single one. */
export function judgeServer(facts: ServerFacts, judge: Judge): readonly CheckResult[] {
  const { server } = facts;
  if (facts.kind !== 'answered') {
    return [{ check: 'server-answers', server, verdict: 'failed', details: [facts.reason] }];
  }
  const results: readonly Omit<CheckResult, 'server'>[] = [
    { check: 'server-answers', verdict: 'ok', details: [] },
    judgeVersion(facts, judge),
    judgeReadiness(facts),
    judgeFiles(facts),
    ...judgeSources(facts),
    ...judgeTrust(facts),
    ...judgeAuthorities(facts, judge),
    ...judgeProxies(facts),
  ];
  return results.map((result) => ({ ...result, server }));
}

/** Whether replicas serve the same; nothing for a single server. */
export function judgeReplicas(all: readonly ServerFacts[]): readonly CheckResult[] {
  const answered = all.filter((facts) => facts.kind === 'answered');
  if (answered.length < 2) return [];
  const versions = answered.map(({ server, meshes }) => ({
    server,
    // A mesh that lost everything is served as one that was never listed.
    versions: new Map(meshes.filter(({ denyAll }) => !denyAll).map(({ name, version }) => [name, version])),
  }));
  const names = [...new Set(versions.flatMap((one) => [...one.versions.keys()]))].sort();
  const details = names.flatMap((name) => {
    const by = Map.groupBy(versions, (one) => one.versions.get(name) ?? 'no trust');
    if (by.size === 1) return [];
    const said = [...by].map(
      ([version, some]) => `${version.slice(0, 12)} at ${some.map(({ server }) => server).join(' and ')}`,
    );
    return [`mesh ${name}: ${said.join(', ')}`];
  });
  return [result('replicas-agree', details, 'failed')];
}

/** `ok` without details, else as bad as is said. */
function result(
  check: CheckName,
  details: readonly string[],
  otherwise: Exclude<Verdict, 'ok'>,
): Omit<CheckResult, 'server'> {
  return { check, verdict: details.length === 0 ? 'ok' : otherwise, details };
}

function judgeVersion({ detail }: Answered, { version }: Judge): Omit<CheckResult, 'server'> {
  const details = detail.version === version ? [] : [`the server is ${detail.version}, this is ${version}`];
  return result('server-version', details, 'warning');
}

function judgeReadiness({ detail: { readiness } }: Answered): Omit<CheckResult, 'server'> {
  switch (readiness.status) {
    case 'ready':
      return result('server-ready', [], 'failed');
    case 'waiting':
      return result('server-ready', [`waiting for ${readiness.missing.join(', ')}`], 'failed');
    case 'doubtful': {
      const { reason, findings, secondsLeft } = readiness;
      const until = `${reason}; it is believed in ${formatDuration(secondsLeft * 1000)}`;
      return result('server-ready', [until, ...findings], 'failed');
    }
    case 'draining':
      return result('server-ready', ['it is on its way down'], 'failed');
  }
}

function judgeFiles({ findings }: Answered): Omit<CheckResult, 'server'> {
  const unusable = findings.findings.filter(({ code }) => code === 'MT062').map(describeFinding);
  return result('files-current', unusable, 'failed');
}

function judgeSources({ detail: { sources } }: Answered): readonly Omit<CheckResult, 'server'>[] {
  const unread = sources.filter(({ synced }) => !synced);
  const because = (failure: string | undefined): string => (failure === undefined ? '' : ` (${failure})`);
  const behind = sources
    .filter(({ synced, rejected, failure }) => synced && (rejected > 0 || failure !== undefined))
    .map(({ name, rejected, failure }) => `${name}: ${rejected} not in force${because(failure)}`);
  return [
    {
      check: 'sources-read',
      // What an earlier run kept is served, so that proxies have trust.
      verdict: unread.length === 0 ? 'ok' : unread.every(({ restored }) => restored) ? 'warning' : 'failed',
      details: unread.map(({ name, failure }) => `${name}${because(failure)}`),
    },
    result('sources-current', behind, 'warning'),
  ];
}

/** Findings that other checks are about. */
const elsewhere: ReadonlySet<FindingCode> = new Set<FindingCode>([...dateCodes, 'MT034', 'MT042', 'MT062']);

function judgeTrust({ meshes, findings }: Answered): readonly Omit<CheckResult, 'server'>[] {
  const held = meshes.flatMap((mesh) =>
    mesh.held.map(
      ({ name, secondsLeft }) =>
        `mesh ${mesh.name}: ${name}, for another ${formatDuration(secondsLeft * 1000)}`,
    ),
  );
  const of = (severity: FindingDetail['severity']): readonly string[] =>
    findings.findings
      .filter((found) => found.severity === severity && !elsewhere.has(found.code))
      .map(describeFinding);
  const empty = meshes.filter(({ denyAll }) => denyAll).map(({ name }) => `mesh ${name}`);
  return [
    result('guard-quiet', held, 'failed'),
    result('findings-errors', of('error'), 'failed'),
    result('findings-warnings', of('warning'), 'warning'),
    result('trust-present', empty, 'failed'),
  ];
}

function describeFinding(found: FindingDetail): string {
  const { code, name, message } = found;
  return `${placeOf(found)}${code} ${message} (docs/findings.md#${code.toLowerCase()}-${name})`;
}

/** `FILE:LINE: `, as far as it is known. */
function placeOf({ file, line, resource }: Pick<FindingDetail, 'file' | 'line' | 'resource'>): string {
  const place = file === undefined ? resource : line === undefined ? file : `${file}:${line}`;
  return place === undefined ? '' : `${place}: `;
}

const day = 86_400_000;
/** Milliseconds before its end from which on an authority is a warning. */
const soon = 30 * day;

function judgeAuthorities(
  { meshes, findings }: Answered,
  { now }: Judge,
): readonly Omit<CheckResult, 'server'>[] {
  // The findings about dates are not repeated by other checks, and they know where a CA is listed.
  const key = (mesh = '', trustDomain = '', fingerprint = ''): string =>
    `${mesh} ${trustDomain} ${fingerprint}`;
  const places = new Map(
    findings.findings
      .filter(({ code }) => dateCodes.has(code))
      .map((found) => [key(found.mesh, found.trustDomain, found.fingerprint), placeOf(found)]),
  );
  const anchors = meshes.flatMap((mesh) =>
    mesh.trustDomains.flatMap((domain) =>
      domain.anchors.map((anchor) => {
        const left = Date.parse(anchor.notAfter) - now;
        const place = places.get(key(mesh.name, domain.name, anchor.fingerprint)) ?? '';
        const id = `${place}${anchor.subject} (${anchor.fingerprint.slice(0, 16)}) of ${domain.name}, mesh ${mesh.name},`;
        return { left, id, early: Date.parse(anchor.notBefore) - now, domain };
      }),
    ),
  );
  const over = anchors.filter(({ left, early }) => left <= 0 || early > 0);
  const ending = anchors.filter(({ left }) => left > 0 && left < soon);
  // Beside a valid one an expired one is harmless; alone it locks out the whole trust domain.
  const isLast = over.some(({ domain }) =>
    domain.anchors.every(
      ({ notBefore, notAfter }) => Date.parse(notAfter) <= now || Date.parse(notBefore) > now,
    ),
  );
  return [
    result(
      'authorities-valid',
      over.map(({ id, left, early }) =>
        left <= 0
          ? `${id} expired ${formatDuration(-left)} ago`
          : `${id} is not valid for another ${formatDuration(early)}`,
      ),
      isLast ? 'failed' : 'warning',
    ),
    result(
      'authorities-last',
      ending.map(({ id, left }) => `${id} expires in ${formatDuration(left)}`),
      'warning',
    ),
  ];
}

function judgeProxies({ rollouts, connected }: Answered): readonly Omit<CheckResult, 'server'>[] {
  const count = (state: LaggingProxy['state']): number =>
    rollouts.reduce((sum, { proxies }) => sum + proxies[state], 0);
  const listed = rollouts.reduce((sum, { proxies }) => sum + proxies.connected, 0);
  const others = connected - listed - count('reconnecting') - count('lost');
  const silent = rollouts.filter(({ complete }) => !complete);
  const forgotten = Math.max(0, ...rollouts.map(({ proxies }) => proxies.forgotten));
  return [
    result('proxies-accept', describeProxies(rollouts, ['refused']), 'failed'),
    result(
      'proxies-current',
      [
        ...silent.map(({ mesh }) => `mesh ${mesh}: a worker does not say which proxies it has`),
        ...(forgotten > 0 ? [`${counted(forgotten, 'more proxy')} lost than the server keeps by name`] : []),
        ...describeProxies(rollouts, behindStates),
      ],
      // What is pending is on its way.
      silent.length + forgotten + count('stale') + count('lost') > 0 ? 'failed' : 'warning',
    ),
    result('proxies-listed', others > 0 ? [`${others} of ${connected}`] : [], 'warning'),
  ];
}

/** States of proxies that do not have what is served, the worst first. */
const behindStates = [
  'lost',
  'stale',
  'reconnecting',
  'pending',
] as const satisfies readonly LaggingProxy['state'][];

/** Names the proxies in these states, and counts those that the server does not name. */
function describeProxies(
  rollouts: readonly RolloutDetail[],
  states: readonly LaggingProxy['state'][],
): readonly string[] {
  const named = rollouts.flatMap(({ mesh, lagging }) =>
    lagging.filter(({ state }) => states.includes(state)).map((proxy) => describeLagging(proxy, mesh)),
  );
  const unnamed = rollouts.flatMap(({ mesh, lagging, proxies }) =>
    states.flatMap((state) => {
      const more = proxies[state] - lagging.filter((proxy) => proxy.state === state).length;
      return more > 0 ? [`mesh ${mesh}: ${more} more ${state}`] : [];
    }),
  );
  return [...named, ...unnamed];
}

function describeLagging(
  { node, address, state, message, version, behindSeconds }: LaggingProxy,
  mesh: string,
): string {
  const id = `${node === '' ? address : node}, mesh ${mesh}`;
  if (state === 'refused') return `${id}: ${message ?? 'it gave no reason'}`;
  const since = behindSeconds === undefined ? '' : ` for ${formatDuration(behindSeconds * 1000)}`;
  const has = version === undefined ? 'nothing' : version.slice(0, 12);
  return `${id}: ${state}${since}${state === 'lost' ? `, it acknowledged ${has}` : ''}`;
}
