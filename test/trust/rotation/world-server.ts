import { rotatingResource } from '../../../src/api/present-rotation.ts';
import { countUnlisted, unlistedWithout } from '../../../src/fleet/unlisted.ts';
import type { UnlistedCounts } from '../../../src/fleet/unlisted.ts';
import type { AnsweredFacts, PublicationFacts, ServedCa } from '../../../src/trust/rotation/facts.ts';
import { readWorldFile } from './world-file.ts';
import type { WorldFile } from './world-file.ts';

const minute = 60_000;
/** The time for which a roll-out waits for a lost proxy. */
const lostMs = 10 * minute;

/** The true state of a proxy, which servers know in part. */
export interface Proxy {
  readonly name: string;
  /** The server to which it is connected. */
  at: number | undefined;
  leftAt: number;
  /** The version that it has acknowledged, and the CAs of that version. */
  version: string;
  held: ReadonlySet<string>;
}

/** A connection that ended. */
interface Gone {
  readonly goneAt: number;
  readonly version: string;
  /** The connection broke, so roll-outs wait for the proxy for some time. */
  readonly isLost: boolean;
}

/** A replica, with its knowledge of the file and the proxies. */
export interface Server {
  isUp: boolean;
  startedAt: number;
  /** The file that it has read. */
  file: WorldFile;
  readAt: number;
  /** The proxies that left since its start. */
  readonly gone: Map<Proxy, Gone>;
  /** The proxies that left and that it only counts. */
  unlisted: UnlistedCounts;
  /** The time at which access logs last had a client of each CA, since its start. */
  readonly seen: Map<string, number>;
}

export function makeServer(text: string, now: number): Server {
  return {
    isUp: true,
    startedAt: now,
    file: readWorldFile(text),
    readAt: now,
    gone: new Map(),
    unlisted: countUnlisted(60 * minute),
    seen: new Map(),
  };
}

const nameOf = ({ name }: Proxy) => ({ mesh: 'default', node: name });

/** A proxy connects to the server again. */
export function welcome(server: Server, proxy: Proxy): void {
  server.gone.delete(proxy);
  server.unlisted.take(nameOf(proxy));
}

/** Makes the server count its proxies without a connection, as if it had more of them than it lists. */
export function overflow(server: Server): void {
  for (const [proxy, { goneAt, version, isLost }] of server.gone) {
    if (isLost) continue;
    server.unlisted.add({ mesh: 'default', version, count: 1, lastAt: goneAt }, nameOf(proxy));
    server.gone.delete(proxy);
  }
}

/** Forgets everything, as a process that ends. */
export function endServer(server: Server): void {
  server.isUp = false;
  server.gone.clear();
  server.seen.clear();
  server.unlisted = countUnlisted(60 * minute);
}

/** Returns the answer of a server that is up. `isSyncedElsewhere`: the proxy is in sync at another server. */
export function factsOf(
  server: Server,
  name: string,
  {
    own,
    isSyncedElsewhere,
    publication,
    now,
  }: {
    readonly own: readonly Proxy[];
    readonly isSyncedElsewhere: (proxy: Proxy) => boolean;
    readonly publication: PublicationFacts | undefined;
    readonly now: number;
  },
): AnsweredFacts {
  const { zone, all, version } = server.file;
  const left = [...server.gone].filter(([proxy]) => !isSyncedElsewhere(proxy));
  const domain = all.filter(({ trustDomain }) => trustDomain === zone.trustDomain);
  const cas = new Map<string, ServedCa>();
  for (const resource of domain)
    for (const ca of rotatingResource(resource).listed) {
      const resources = [...(cas.get(ca.fingerprint)?.resources ?? []), resource.identity];
      cas.set(ca.fingerprint, { ...ca, asListed: true, resources });
    }
  return {
    kind: 'answered',
    server: name,
    notReady: undefined,
    startedAt: server.startedAt,
    served: { version, since: server.readAt },
    cas: [...cas.values()],
    overLimit: false,
    held: false,
    rotations: domain.flatMap(({ identity, rotation }) =>
      rotation === undefined
        ? []
        : [
            {
              resource: identity,
              old: rotation.old,
              new: rotation.new,
              reading: JSON.stringify(rotation),
            },
          ],
    ),
    proxies: {
      connected: own.length,
      acked: own.filter((proxy) => proxy.version === version).length,
      lost: left.filter(([, gone]) => gone.isLost && gone.version !== version && now - gone.goneAt < lostMs)
        .length,
      refused: 0,
      forgotten: 0,
      complete: true,
      lagging: [],
    },
    gone: left.map(([proxy, { goneAt, version: had }]) => ({
      node: proxy.name,
      goneAt,
      hasServed: had === version,
    })),
    unlisted: unlistedWithout(server.unlisted.list(now), 'default', version),
    authentication: { methods: ['mtls'], beyondHost: true, limitsNodes: true },
    publication,
    observed: {
      since: server.startedAt,
      entries: server.seen.size,
      without: 0,
      nodes: server.seen.size,
      lostAt: undefined,
      unknownAt: undefined,
      lastSeen: server.seen,
    },
  };
}
