import type { FindingDetail } from '../../api/api-types.ts';
import { dateCodes } from '../../trust/findings/catalogue.ts';
import type { FindingCode } from '../../trust/findings/catalogue.ts';
import { counted } from '../../text/counted.ts';
import { checkAuthentication } from './check-authentication.ts';
import { checkProxies } from './check-proxies.ts';
import { result } from './check-result.ts';
import type { Answered, CheckResult, ServerFacts } from './check-result.ts';
import { formatDuration } from '../terminal/output.ts';
import { documentation } from '../terminal/version.ts';

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
    ...checkAuthentication(facts),
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
      const until = `${reason}; unless the sources change, the server accepts this in ${formatDuration(secondsLeft * 1000)}`;
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
  const behind = sources.flatMap(({ name, synced, rejected, failure }) => {
    // Before the first complete read it is unknown whether there are newer versions.
    if (!synced)
      return [`${name}: it is unknown which versions are the newest, before it is read completely`];
    if (rejected === 0 && failure === undefined) return [];
    return [`${name}: ${counted(rejected, 'newest version')} not in force${because(failure)}`];
  });
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
  const page = documentation(`findings.md#${code.toLowerCase()}-${name}`);
  return `${placeOf(found)}${code} ${message} (${page})`;
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
