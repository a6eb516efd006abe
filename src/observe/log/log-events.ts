import { formatFinding } from '../../trust/findings/finding.ts';
import type { Finding } from '../../trust/findings/finding.ts';
import type { Severity } from '../../trust/findings/catalogue.ts';
import type { Readiness } from '../../trust/ledger/readiness.ts';
import type { MeshStates } from '../../trust/snapshot/mesh-builder.ts';
import { StreamNotes } from '../../xds/index.ts';
import type { StreamInfo, XdsObserver } from '../../xds/index.ts';
import { counted } from '../../text/counted.ts';
import { describeChange } from './describe-change.ts';
import { createLineLimit } from './line-limit.ts';
import type { Logger } from './log.ts';
import { createProxyLog, nameOf } from './log-proxies.ts';
import { plainText } from '../../text/plain-text.ts';
import type { StateEvent } from '../../runtime/state-view.ts';

export interface EventLogOptions {
  readonly log: Logger;
  /** Returns the number of connected proxies of a mesh. */
  readonly proxies: (mesh: string) => number;
  /** Monotonic milliseconds; default: `performance.now`. */
  readonly now?: (() => number) | undefined;
  /** Calls a function once after ten seconds. */
  readonly schedule?: ((work: () => void) => void) | undefined;
  /** False in a worker: its parent logs the proxies of all workers. Default: true. */
  readonly logsProxies?: boolean | undefined;
}

/** Writes a log line for each event. */
export interface EventLog {
  readonly state: (event: StateEvent) => void;
  readonly observer: XdsObserver;
}

/** The most findings of one batch that are logged; one more line has the number of the others. */
export const findingsInBatch = 20;
/** The most NACKs, and the most streams that are cut off, that are logged in ten seconds. */
export const refusalsInWindow = 100;
const windowMs = 10_000;

const levels = { error: 'error', warning: 'warn', info: 'info' } as const satisfies Record<Severity, string>;

/** Creates the event log. Each change has one line: what changed, the new version, and the number of proxies. */
export function createEventLog({
  log,
  proxies,
  now = () => performance.now(),
  schedule,
  logsProxies = true,
}: EventLogOptions): EventLog {
  let meshes: MeshStates = new Map();
  const refusals = createLineLimit(refusalsInWindow, windowMs, now);
  /** The streams that have sent a request, each with the key that the log of proxies returned. */
  const named = new StreamNotes<string | undefined>();
  const cutOffs = createLineLimit(refusalsInWindow, windowMs, now);
  const denials = createLineLimit(refusalsInWindow, windowMs, now);
  // Who was refused belongs to the record, at any level of the log.
  const audit = log.child({ audit: true }, { level: 'info' });
  const proxyLog = logsProxies ? createProxyLog({ log, schedule }) : undefined;
  // Each stream would make the fields of three lines that are not written.
  const logsStreams = log.isLevelEnabled('debug');

  const logServed = ({ states, changes }: Extract<StateEvent, { kind: 'served' }>): void => {
    for (const change of changes) {
      const { mesh, version, denyAll } = change;
      const connected = proxies(mesh);
      const line = describeChange(change, namesOf(meshes, mesh), namesOf(states, mesh), connected);
      const fields = { mesh, version, denyAll, proxies: connected, trustDomains: line.trustDomains };
      const more = line.more > 0 ? { moreTrustDomains: line.more } : {};
      log[denyAll ? 'error' : 'info']({ event: 'served', ...fields, ...more }, line.message);
    }
    if (changes.length === 0)
      log.info({ event: 'served' }, 'no MeshTrust is listed: proxies reject every client');
    meshes = states;
  };

  const logFindings = (appeared: readonly Finding[], resolved: readonly Finding[]): void => {
    logHolds(appeared, 'guard-held', 'warn', 'holding back a mass loss: still serving');
    logHolds(resolved, 'guard-ended', 'warn', 'no longer holding back a mass loss:');
    const news = appeared.filter(({ code }) => code !== 'MT042');
    for (const found of news.slice(0, findingsInBatch)) {
      log[levels[found.severity]]({ event: 'finding', ...fieldsOf(found) }, plainText(formatFinding(found)));
    }
    const rest = news.slice(findingsInBatch);
    // Findings are sorted by severity, most severe first: the first of the rest has the highest level of them.
    if (rest[0] !== undefined)
      log[levels[rest[0].severity]](
        { event: 'findings', more: rest.length },
        `${counted(rest.length, 'more finding')}; all of them: GET /api/v1/findings`,
      );
    const gone = resolved.filter(({ code }) => code !== 'MT042');
    for (const found of gone.slice(0, findingsInBatch)) {
      const text = plainText(formatFinding(found));
      log.info({ event: 'finding-resolved', ...fieldsOf(found) }, `resolved: ${text}`);
    }
    const more = gone.length - findingsInBatch;
    if (more > 0) log.info({ event: 'findings-resolved', more }, `${counted(more, 'more finding')} resolved`);
  };

  /** Logs the findings of the guard in one line for each mesh: they always appear together. */
  const logHolds = (
    findings: readonly Finding[],
    event: string,
    level: 'warn' | 'info',
    what: string,
  ): void => {
    const held = findings.filter(({ code }) => code === 'MT042');
    for (const [mesh = '', group] of Map.groupBy(held, (found) => found.mesh)) {
      const names = group.flatMap(({ trustDomain }) => trustDomain ?? []);
      const shown = names.slice(0, findingsInBatch);
      const text = `${what} ${counted(names.length, 'trust domain')} of mesh ${mesh}: ${shown.join(', ')}`;
      log[level]({ event, mesh, trustDomains: shown, count: names.length }, text);
    }
  };

  const logNamed = ({ id, nodeId, group = '' }: StreamInfo): void => {
    const [node, mesh] = [plainText(nodeId, 200), plainText(group, 200)];
    const text = `stream ${id}: ${nameOf(node)} of mesh ${mesh}`;
    log.debug({ event: 'stream-named', stream: id, node, mesh }, text);
  };

  return {
    state(event) {
      switch (event.kind) {
        case 'readiness':
          return logReadiness(log, event.readiness, now());
        case 'served':
          return logServed(event);
        case 'findings':
          return logFindings(event.appeared, event.resolved);
        case 'forced':
          // The audit log has them.
          return;
        case 'updated':
          return;
        case 'granted': {
          const { source, paths } = event;
          return log.debug(
            { event: 'granted', source, paths: paths.slice(0, findingsInBatch), count: paths.length },
            `${source}: the resources of ${counted(paths.length, 'path')} changed`,
          );
        }
      }
    },
    observer: {
      streamOpened({ id, transport, protocol, address }) {
        if (!logsStreams) return;
        log.debug({ event: 'stream-opened', stream: id, transport, protocol, address }, 'stream opened');
      },
      request(stream) {
        if (named.has(stream)) return;
        if (logsStreams) logNamed(stream);
        named.set(stream, proxyLog?.opened(stream));
      },
      streamClosed(stream, end) {
        const key = named.get(stream);
        if (named.delete(stream)) proxyLog?.closed(stream, key);
        if (!logsStreams) return;
        const { id, nodeId, group } = stream;
        const { code, message, by } = end;
        log.debug(
          { event: 'stream-closed', stream: id, node: plainText(nodeId, 200), mesh: group, code, by },
          plainText(`stream closed: ${code} ${message}`),
        );
      },
      denied({ transport, address, nodeId, group, identity, code, reason, message, isJudgedAgain }) {
        const { admitted, suppressed } = denials.admit();
        if (!admitted) return;
        const client = {
          node: plainText(nodeId, 200),
          mesh: group === undefined ? undefined : plainText(group, 200),
          identity: identity === undefined ? undefined : plainText(identity, 300),
        };
        const more = { ...(isJudgedAgain && { judgedAgain: true }), ...(suppressed > 0 && { suppressed }) };
        audit.warn(
          { event: 'xds-denied', transport, address, ...client, code, reason, ...more },
          plainText(`client ${address} was refused (${reason}): ${message}`),
        );
      },
      nacked(stream, { typeUrl, resources, code, message }) {
        const { admitted, suppressed } = refusals.admit();
        if (!admitted) return;
        const node = plainText(stream.nodeId, 200);
        const what = resources.map(({ name, version }) => `${name} ${version ?? ''}`.trim()).join(', ');
        const reason = plainText(message);
        log.warn(
          {
            event: 'nack',
            node,
            mesh: plainText(stream.group ?? '', 200),
            address: stream.address,
            proxy: plainText(stream.userAgent, 100),
            identity: stream.identity === undefined ? undefined : plainText(stream.identity, 300),
            typeUrl: plainText(typeUrl, 200),
            resources: resources.slice(0, findingsInBatch),
            code,
            reason,
            ...(suppressed > 0 ? { suppressed } : {}),
          },
          plainText(`proxy ${node} rejected ${what}: ${reason}`, 1000),
        );
      },
      cutOff({ id, nodeId, group, address }, waitedMs) {
        const { admitted, suppressed } = cutOffs.admit();
        if (!admitted) return;
        const node = plainText(nodeId, 200);
        const more = suppressed > 0 ? { suppressed } : {};
        log.warn(
          {
            event: 'stream-cut-off',
            stream: id,
            node,
            mesh: plainText(group ?? '', 200),
            address,
            waitedMs,
            ...more,
          },
          plainText(
            `proxy ${node}: stream closed: the proxy read nothing for ${Math.round(waitedMs / 1000)} s`,
          ),
        );
      },
      failed(stream, error) {
        log.error(
          { event: 'stream-failed', stream: stream.id, node: plainText(stream.nodeId, 200), err: error },
          'stream closed after an internal error of meshtrust',
        );
      },
    },
  };
}

function logReadiness(log: Logger, readiness: Readiness, now: number): void {
  switch (readiness.kind) {
    case 'ready':
      return log.info({ event: 'readiness', ready: true }, 'ready: trust is served');
    case 'waiting': {
      const { missing } = readiness;
      const text = `not ready: waiting for the first complete read of ${missing.join(', ')}`;
      return log.warn({ event: 'readiness', ready: false, missing }, text);
    }
    case 'doubtful': {
      const { reason } = readiness;
      const seconds = Math.max(0, Math.ceil((readiness.until - now) / 1000));
      const text = `not ready: ${reason}; the valid resources are served in ${seconds} s`;
      return log.warn({ event: 'readiness', ready: false, reason, seconds }, text);
    }
  }
}

function namesOf(meshes: MeshStates, mesh: string): ReadonlySet<string> {
  return new Set(meshes.get(mesh)?.bundle.bundles.map(({ trustDomain }) => trustDomain));
}

/** Returns the fields of a finding without its message, which is the message of the line. */
function fieldsOf(found: Finding): Omit<Finding, 'message' | 'severity'> {
  const { code, file, line, resource, path, block, mesh, trustDomain, fingerprint } = found;
  return { code, file, line, resource, path, block, mesh, trustDomain, fingerprint };
}
