import { proxyStates } from '../fleet/assess.ts';
import type { ProxyState } from '../fleet/assess.ts';
import type { Ending } from '../fleet/records.ts';

/*
 * The responses of the admin API about proxies, as JSON. Times are RFC 3339 in UTC with milliseconds, and unknown
 * fields are absent. New releases only add fields.
 */

/**
 * `disconnected`: the proxy recently had streams and has none now, and no roll-out waits for it. Proxies that are
 * `reconnecting` or `lost` have no streams either, and have not acknowledged the served version.
 */
export type AnyProxyState = ProxyState | 'disconnected';

export const anyProxyStates: readonly AnyProxyState[] = [...proxyStates, 'disconnected'];

/** `GET /api/v1/proxies`: one page of the proxies, by mesh and node ID. */
export interface ProxyList {
  readonly proxies: readonly ProxySummary[];
  /** Number of proxies that match the filters, on all pages. */
  readonly total: number;
  /** Pass it as `after` to get the next page. Absent on the last page. */
  readonly next?: string | undefined;
  /** False: a worker did not answer in time, and its proxies are missing. */
  readonly complete: boolean;
}

export interface ProxySummary {
  /** Node ID; empty for a stream whose node has none. */
  readonly node: string;
  readonly mesh: string;
  readonly state: AnyProxyState;
  readonly address: string;
  /** User agent, such as `envoy 1.40.0`. */
  readonly proxy: string;
  /** Its authenticated identity, such as a SPIFFE ID. Absent if it has not authenticated. */
  readonly identity?: string | undefined;
  /** Transports, such as `delta ADS`; several if its streams differ. */
  readonly transports: readonly string[];
  readonly connectedAt: string;
  readonly disconnectedAt?: string | undefined;
  /**
   * How its last connection ended: the proxy closed it (`closed`), it broke or the proxy answered no keepalive
   * (`silence`), or this server ended it (`server`).
   */
  readonly ending?: Ending | undefined;
  /**
   * The newest version of the mesh that the proxy has acknowledged in full. Absent for a version older than the
   * last 16.
   */
  readonly version?: string | undefined;
  /** The current version of its mesh. */
  readonly servedVersion?: string | undefined;
  /** When the last ACK arrived, and how long after its response. */
  readonly ackedAt?: string | undefined;
  readonly ackMs?: number | undefined;
  /** Whole seconds for which the proxy has been behind the served version. */
  readonly behindSeconds?: number | undefined;
  /** The time at which the proxy fell behind. */
  readonly behindSince?: string | undefined;
  /** Number of responses that it refused, and the last of them. */
  readonly nacks: number;
  readonly lastNack?: NackDetail | undefined;
}

export interface NackDetail {
  readonly at: string;
  readonly secret: string;
  readonly version?: string | undefined;
  /** A gRPC status code. */
  readonly code: number;
  /** The message of the proxy. */
  readonly message: string;
}

/** `GET /api/v1/proxies/{node}`. */
export interface ProxyDetail extends ProxySummary {
  /** Other meshes in which a proxy with the same node ID is connected. Present if the request names no mesh. */
  readonly alsoIn?: readonly string[] | undefined;
  readonly streams: readonly StreamDetail[];
}

export interface StreamDetail {
  readonly transport: string;
  readonly address: string;
  readonly openedAt: string;
  /** When the stream ended. Present for a connected proxy that must be in sync on it until it opens another one. */
  readonly endedAt?: string | undefined;
  /** How that stream ended: it broke (`silence`), or the server ended it. */
  readonly ending?: 'silence' | 'server' | undefined;
  readonly secrets: readonly ProxySecret[];
}

/** A secret that a proxy subscribed to. */
export interface ProxySecret {
  readonly name: string;
  readonly sentVersion?: string | undefined;
  readonly sentAt?: string | undefined;
  readonly ackedVersion?: string | undefined;
  readonly ackedAt?: string | undefined;
  /** Time from the response to its ACK. */
  readonly ackMs?: number | undefined;
  /** The current version of the secret. */
  readonly servedVersion?: string | undefined;
}

/** `GET /api/v1/meshes/{mesh}/rollout`: the progress of the roll-out of the served version. */
export interface RolloutDetail {
  readonly mesh: string;
  readonly version: string;
  /** When the change arrived, and when it was sent to proxies. */
  readonly changedAt: string;
  readonly servedAt: string;
  readonly proxies: ProxyCounts;
  /**
   * Proxies that left within the last hour, perhaps without the served version, and that the server does not list any
   * more. No roll-out waits for them, but a rotation does. Absent in answers of release 0.1.0.
   */
  readonly unlisted?: UnlistedProxies | undefined;
  /** False: a worker did not answer in time, and its proxies are missing. */
  readonly complete: boolean;
  /**
   * True if all connected proxies are known and have acknowledged the served version, and no proxy is reconnecting or
   * lost without having acknowledged it.
   */
  readonly converged: boolean;
  /** When the last proxy acknowledged it. */
  readonly convergedAt?: string | undefined;
  /** Recent versions, newest first, and how many proxies have each. */
  readonly versions: readonly VersionCount[];
  /** Proxies that have the version of `?version=` or a later one; without the parameter, `version`. */
  readonly asked: {
    readonly version: string;
    /** True if the version is served, or was recently served. */
    readonly known: boolean;
    readonly proxies: number;
    /** Number of proxies without it, reconnecting and lost ones included. */
    readonly lacking: number;
  };
  /** Proxies without it, lost ones first, at most 100. */
  readonly lagging: readonly LaggingProxy[];
}

interface ProxyCounts extends Readonly<Record<ProxyState, number>> {
  readonly connected: number;
  /**
   * Number of lost proxies, of all meshes, beyond those that the server keeps by name. While it is not 0, no roll-out
   * has converged.
   */
  readonly forgotten: number;
}

interface UnlistedProxies {
  /** Maximum of their number; the true number may be lower. */
  readonly proxies: number;
  /** When the last of them left. Present if there are any. */
  readonly lastDisconnectedAt?: string | undefined;
}

interface VersionCount {
  readonly version: string;
  readonly servedAt: string;
  readonly proxies: number;
}

export interface LaggingProxy {
  readonly node: string;
  readonly address: string;
  readonly state: ProxyState;
  readonly behindSeconds?: number | undefined;
  readonly behindSince?: string | undefined;
  /**
   * The newest version of the mesh that the proxy has acknowledged in full. Absent for a version older than the
   * last 16.
   */
  readonly version?: string | undefined;
  /** When its last connection ended, if it has none. */
  readonly disconnectedAt?: string | undefined;
  readonly message?: string | undefined;
}
