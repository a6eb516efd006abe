import { assess, assessGone, countedEnded, heldVersion } from '../fleet/assess.ts';
import { identityOf } from '../fleet/records.ts';
import type { GoneRecord, ProxyRecord, RefusalRecord, SecretRecord, StreamRecord } from '../fleet/records.ts';
import type { Lagging, Rollout } from '../fleet/rollout.ts';
import type { ServedHistory } from '../fleet/served-history.ts';
import type { StreamInfo } from '../xds/index.ts';
import type {
  LaggingProxy,
  NackDetail,
  ProxyDetail,
  ProxySecret,
  ProxySummary,
  RolloutDetail,
  StreamDetail,
} from './fleet-api-types.ts';
import { presentTime } from './present-time.ts';

/** The state that records are compared with. `now` is in epoch milliseconds. */
export interface FleetContext {
  readonly history: ServedHistory;
  readonly now: number;
}

/** Returns a connected proxy as it appears in a list. */
function presentProxy(proxy: ProxyRecord, { history, now }: FleetContext): ProxySummary {
  const { node, mesh, since, nacks, lastNack } = proxy;
  const { state, behindSince } = assess(proxy, history, now);
  const served = history.versions(mesh)?.[0]?.version;
  const [first] = proxy.streams;
  const last = lastAcknowledged(proxy);
  return {
    node,
    mesh,
    state,
    address: first?.info.address ?? '',
    proxy: first?.info.userAgent ?? '',
    identity: identityOf(proxy),
    transports: transportsOf(proxy),
    connectedAt: presentTime(since),
    version: state === 'synced' ? served : heldVersion(proxy, history)?.version,
    servedVersion: served,
    ackedAt: presentTime(last?.ackedAt),
    ackMs: last?.ackMs,
    behindSeconds: secondsSince(behindSince, now),
    behindSince: presentTime(behindSince),
    nacks,
    lastNack: lastNack && presentNack(lastNack),
  };
}

/** Returns a proxy without a connection as it appears in a list. */
function presentGone(gone: GoneRecord, { history, now }: FleetContext): ProxySummary {
  const { node, mesh, address, userAgent, since, goneAt, ending, nacks, lastNack } = gone;
  const assessment = assessGone(gone, history, now);
  return {
    node,
    mesh,
    state: assessment?.state ?? 'disconnected',
    address,
    proxy: userAgent,
    identity: identityOf(gone),
    transports: [],
    connectedAt: presentTime(since),
    disconnectedAt: presentTime(goneAt),
    ending,
    // Without its streams, it is not known what the proxy had.
    ...((assessment !== undefined || gone.streams.size > 0) && {
      version: heldVersion(gone, history)?.version,
      servedVersion: history.versions(mesh)?.[0]?.version,
    }),
    ...(assessment && {
      behindSeconds: secondsSince(assessment.behindSince, now),
      behindSince: presentTime(assessment.behindSince),
    }),
    nacks,
    lastNack: lastNack && presentNack(lastNack),
  };
}

/** Returns a proxy, connected or not, as it appears in a list. */
export function presentAny(proxy: ProxyRecord | GoneRecord, context: FleetContext): ProxySummary {
  return 'goneAt' in proxy ? presentGone(proxy, context) : presentProxy(proxy, context);
}

/** Returns all details of a proxy. */
export function presentProxyDetail(proxy: ProxyRecord | GoneRecord, context: FleetContext): ProxyDetail {
  const present = (stream: StreamRecord): StreamDetail => presentStream(stream, proxy.mesh, context);
  const ended = 'goneAt' in proxy ? [] : countedEnded(proxy);
  return {
    ...presentAny(proxy, context),
    streams: [
      ...[...proxy.streams].map(present),
      ...ended.map(({ stream, ending, at }) => ({ ...present(stream), endedAt: presentTime(at), ending })),
    ],
  };
}

/** Returns the progress of a roll-out. */
export function presentRollout(rollout: Rollout, now: number): RolloutDetail {
  const { mesh, current, connected, states, complete, forgotten, unlisted, convergedAt } = rollout;
  const { versions, lagging, asked } = rollout;
  return {
    mesh,
    version: current.version,
    changedAt: presentTime(current.since),
    servedAt: presentTime(current.servedAt),
    proxies: { connected, ...states, forgotten },
    unlisted: {
      proxies: unlisted.count,
      ...(unlisted.count > 0 && { lastDisconnectedAt: presentTime(unlisted.lastAt) }),
    },
    complete,
    converged: convergedAt !== undefined,
    convergedAt: presentTime(convergedAt),
    versions: versions.map(({ served, proxies }) => ({
      version: served.version,
      servedAt: presentTime(served.servedAt),
      proxies,
    })),
    asked: { version: asked.version, known: asked.known, proxies: asked.has, lacking: asked.lacks },
    lagging: lagging.map((lag) => presentLagging(lag, now)),
  };
}

function presentLagging({ proxy, held, state, behindSince }: Lagging, now: number): LaggingProxy {
  const [first] = proxy.streams;
  return {
    node: proxy.node,
    address: first?.info.address ?? '',
    state,
    behindSeconds: secondsSince(behindSince, now),
    behindSince: presentTime(behindSince),
    version: held?.version,
    disconnectedAt: 'goneAt' in proxy ? presentTime(proxy.goneAt) : undefined,
    message: state === 'refused' ? proxy.lastNack?.message : undefined,
  };
}

function presentStream(
  { info, since, secrets }: StreamRecord,
  mesh: string,
  { history }: FleetContext,
): StreamDetail {
  const served = history.versions(mesh)?.[0];
  return {
    transport: transportOf(info),
    address: info.address,
    openedAt: presentTime(since),
    secrets: [...secrets].map(([name, { sent, sentAt, acked, ackedAt, ackMs }]): ProxySecret => ({
      name,
      sentVersion: sent,
      sentAt: sent === undefined ? undefined : presentTime(sentAt),
      ackedVersion: acked,
      ackedAt: acked === undefined ? undefined : presentTime(ackedAt),
      ackMs,
      servedVersion: history.versionOf(served, name),
    })),
  };
}

function presentNack({ at, name, version, code, message }: RefusalRecord): NackDetail {
  return { at: presentTime(at), secret: name, version, code, message };
}

/** Returns the secret that a proxy acknowledged last; `undefined` if it has acknowledged none. */
function lastAcknowledged({ streams }: ProxyRecord): SecretRecord | undefined {
  let last: SecretRecord | undefined;
  for (const { secrets } of streams)
    for (const secret of secrets.values()) if (secret.ackedAt > (last?.ackedAt ?? 0)) last = secret;
  return last;
}

function transportsOf({ streams }: ProxyRecord): readonly string[] {
  const transports = new Set<string>();
  for (const { info } of streams) transports.add(transportOf(info));
  return [...transports].sort();
}

function transportOf({ protocol, transport }: StreamInfo): string {
  return `${protocol === 'delta' ? 'delta' : 'SotW'} ${transport.toUpperCase()}`;
}

function secondsSince(since: number | undefined, now: number): number | undefined {
  return since === undefined ? undefined : Math.max(0, Math.round((now - since) / 1000));
}
