import type { FindingDetail, FindingList, MeshDetail } from '../../api/api-types.ts';
import type { LaggingProxy, RolloutDetail } from '../../api/fleet-api-types.ts';
import type { ServerDetail } from '../../api/server-api-types.ts';
import { dateCodes } from '../../trust/findings/catalogue.ts';
import type { FindingCode } from '../../trust/findings/catalogue.ts';
import { counted } from '../../text/counted.ts';
import { checkAuthentication } from './check-authentication.ts';
import type { CheckName } from './check-catalogue.ts';
import { formatDuration } from '../terminal/output.ts';

/** The facts about one server that the checks use. */
export type ServerFacts =
  | { readonly kind: 'unreachable'; readonly server: string; readonly reason: string }
  /** It answers with an error, for example because it does not accept the credentials. */
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

/** The result of a check. With a warning everything works, but a person should look at it. */
export type Verdict = 'ok' | 'warning' | 'failed';

export interface CheckResult {
  readonly check: CheckName;
  /** Absent for checks of all servers together. */
  readonly server?: string | undefined;
  readonly verdict: Verdict;
  /** One line for each problem. */
  readonly details: readonly string[];
}

/** Input of the checks besides the facts about a server. */
export interface CheckContext {
  /** Version of this command. */
  readonly version: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Runs all checks of one server. If the server does not answer, there is only one check. */
export function checkServer(facts: ServerFacts, context: CheckContext): readonly CheckResult[] {
  const { server } = facts;
  if (facts.kind !== 'answered') {
    return [{ check: 'server-answers', server, verdict: 'failed', details: [facts.reason] }];
  }
  const results: readonly Omit<CheckResult, 'server'>[] = [
    { check: 'server-answers', verdict: 'ok', details: [] },
    checkVersion(facts, context),
    checkReadiness(facts),
    checkFiles(facts),
    ...checkSources(facts),
    ...checkTrust(facts),
    ...checkDates(facts, context),
    ...checkProxies(facts),
    checkAuthentication(facts.detail),
  ];
  return results.map((result) => ({ ...result, server }));
}

/** Checks that replicas serve the same versions. Returns nothing for a single server. */
export function checkReplicas(all: readonly ServerFacts[]): readonly CheckResult[] {
  const answered = all.filter((facts) => facts.kind === 'answered');
  if (answered.length < 2) return [];
  const versions = answered.map(({ server, meshes }) => ({
    server,
    // A mesh that lost all CA certificates is served like a mesh that was never listed.
    versions: new Map(meshes.filter(({ denyAll }) => !denyAll).map(({ name, version }) => [name, version])),
  }));
  const names = [...new Set(versions.flatMap((one) => [...one.versions.keys()]))].sort();
  const details = names.flatMap((name) => {
    const by = Map.groupBy(versions, (one) => one.versions.get(name) ?? 'no trust');
    if (by.size === 1) return [];
    const served = [...by].map(
      ([version, some]) => `${version.slice(0, 12)} at ${some.map(({ server }) => server).join(' and ')}`,
    );
    return [`mesh ${name}: ${served.join(', ')}`];
  });
  return [result('replicas-agree', details, 'failed')];
}

/** Returns `ok` if there are no details, else the given verdict. */
function result(
  check: CheckName,
  details: readonly string[],
  otherwise: Exclude<Verdict, 'ok'>,
): Omit<CheckResult, 'server'> {
  return { check, verdict: details.length === 0 ? 'ok' : otherwise, details };
}

function checkVersion({ detail }: Answered, { version }: CheckContext): Omit<CheckResult, 'server'> {
  const details =
    detail.version === version ? [] : [`server version ${detail.version}, command version ${version}`];
  return result('server-version', details, 'warning');
}

function checkReadiness({ detail: { readiness } }: Answered): Omit<CheckResult, 'server'> {
  switch (readiness.status) {
    case 'ready':
      return result('server-ready', [], 'failed');
    case 'waiting':
      return result('server-ready', [`waiting for ${readiness.missing.join(', ')}`], 'failed');
    case 'doubtful': {
      const { reason, findings, secondsLeft } = readiness;
      const until = `${reason}; accepted as it is in ${formatDuration(secondsLeft * 1000)}`;
      return result('server-ready', [until, ...findings], 'failed');
    }
    case 'draining':
      return result('server-ready', ['the server is shutting down'], 'failed');
  }
}

function checkFiles({ findings }: Answered): Omit<CheckResult, 'server'> {
  const unusable = findings.findings.filter(({ code }) => code === 'MT062').map(describeFinding);
  return result('files-current', unusable, 'failed');
}

function checkSources({ detail: { sources } }: Answered): readonly Omit<CheckResult, 'server'>[] {
  const unread = sources.filter(({ synced }) => !synced);
  const because = (failure: string | undefined): string => (failure === undefined ? '' : ` (${failure})`);
  const behind = sources
    .filter(({ synced, rejected, failure }) => synced && (rejected > 0 || failure !== undefined))
    .map(
      ({ name, rejected, failure }) =>
        `${name}: ${counted(rejected, 'newest version')} not in force${because(failure)}`,
    );
  return [
    {
      check: 'sources-read',
      // Resources that an earlier run kept are served, so proxies have trust.
      verdict: unread.length === 0 ? 'ok' : unread.every(({ restored }) => restored) ? 'warning' : 'failed',
      details: unread.map(({ name, failure }) => `${name}${because(failure)}`),
    },
    result('sources-current', behind, 'warning'),
  ];
}

/** Findings that other checks report. */
export const checkedElsewhere: ReadonlySet<FindingCode> = new Set<FindingCode>([
  ...dateCodes,
  'MT034',
  'MT042',
  'MT062',
]);

function checkTrust({ meshes, findings }: Answered): readonly Omit<CheckResult, 'server'>[] {
  const held = meshes.flatMap((mesh) =>
    mesh.held.map(
      ({ name, secondsLeft }) =>
        `mesh ${mesh.name}: trust domain ${name} held for another ${formatDuration(secondsLeft * 1000)}`,
    ),
  );
  const of = (severity: FindingDetail['severity']): readonly string[] =>
    findings.findings
      .filter((found) => found.severity === severity && !checkedElsewhere.has(found.code))
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

/** Returns `FILE:LINE: `, as far as the finding has them. */
function placeOf({ file, line, resource }: Pick<FindingDetail, 'file' | 'line' | 'resource'>): string {
  const place = file === undefined ? resource : line === undefined ? file : `${file}:${line}`;
  return place === undefined ? '' : `${place}: `;
}

const day = 86_400_000;
/** A CA certificate that expires within this time is a warning, in milliseconds. */
const soon = 30 * day;

function checkDates(
  { meshes, findings }: Answered,
  { now }: CheckContext,
): readonly Omit<CheckResult, 'server'>[] {
  // Other checks do not report the findings about dates; these findings know where a CA certificate is listed.
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
        const id = `${place}${anchor.subject} (${anchor.fingerprint.slice(0, 16)}) of trust domain ${domain.name}, mesh ${mesh.name},`;
        return { left, id, early: Date.parse(anchor.notBefore) - now, domain };
      }),
    ),
  );
  const over = anchors.filter(({ left, early }) => left <= 0 || early > 0);
  const ending = anchors.filter(({ left }) => left > 0 && left < soon);
  // An expired certificate is harmless beside a valid one; alone it makes proxies refuse the whole trust domain.
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
          : `${id} becomes valid in ${formatDuration(early)}`,
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

function checkProxies({ rollouts, connected }: Answered): readonly Omit<CheckResult, 'server'>[] {
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
        ...silent.map(({ mesh }) => `mesh ${mesh}: a worker does not report its proxies`),
        ...(forgotten > 0
          ? [`${counted(forgotten, 'more proxy')} lost, beyond the number that the server keeps by name`]
          : []),
        ...describeProxies(rollouts, behindStates),
      ],
      // A pending proxy is expected to acknowledge soon.
      silent.length + forgotten + count('stale') + count('lost') > 0 ? 'failed' : 'warning',
    ),
    result(
      'proxies-listed',
      others > 0 ? [`${others} of ${connected} proxies are of a mesh without a MeshTrust`] : [],
      'warning',
    ),
  ];
}

/** States of proxies that do not have the served version, the worst first. */
const behindStates = [
  'lost',
  'stale',
  'reconnecting',
  'pending',
] as const satisfies readonly LaggingProxy['state'][];

/** Names the proxies in these states, and counts the proxies that the server does not name. */
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
  if (state === 'refused') return `${id}: ${message ?? 'rejected without a message'}`;
  const since = behindSeconds === undefined ? '' : ` for ${formatDuration(behindSeconds * 1000)}`;
  const has = version === undefined ? 'nothing' : version.slice(0, 12);
  return `${id}: ${state}${since}${state === 'lost' ? `, last acknowledged ${has}` : ''}`;
}
