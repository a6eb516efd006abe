import { proxyStates } from '../fleet/assess.ts';
import type { ProxyState } from '../fleet/assess.ts';
import type { Ending } from '../fleet/records.ts';

/*
 * What the admin API answers about proxies, as JSON. Times are RFC 3339 in UTC with milliseconds; what is not
 * known is left out. Fields are only ever added.
 */

/**
 * `disconnected`: the proxy had streams lately and has none now, and no roll-out waits for it. `reconnecting` and
 * `lost` are proxies without streams, too, of which it is not known that they have what is served.
 */
export type AnyProxyState = ProxyState | 'disconnected';

export const anyProxyStates: readonly AnyProxyState[] = [...proxyStates, 'disconnected'];

/** `GET /api/v1/proxies`: a page of them, by mesh and node id. */
export interface ProxyList {
  readonly proxies: readonly ProxySummary[];
  /** All that fit the filters, on every page. */
  readonly total: number;
  /** Give it as `after` to get the next page; absent on the last. */
  readonly next?: string | undefined;
  /** False: a worker did not answer in time, and its proxies are missing. */
  readonly complete: boolean;
}

export interface ProxySummary {
  /** Node id; empty for a stream that named none. */
  readonly node: string;
  readonly mesh: string;
  readonly state: AnyProxyState;
  readonly address: string;
  /** Such as `envoy 1.40.0`. */
  readonly proxy: string;
  /** Such as `delta ADS`; several where its streams differ. */
  readonly transports: readonly string[];
  readonly connectedAt: string;
  readonly disconnectedAt?: string | undefined;
  /**
   * How its last connection ended: the proxy closed it (`closed`), it broke or the proxy answered no keepalive
   * (`silence`), or this server ended it (`server`).
   */
  readonly ending?: Ending | undefined;
  /** The newest version of the mesh that it has acknowledged in full; absent where it is none of the last. */
  readonly version?: string | undefined;
  /** The version that its mesh is served. */
  readonly servedVersion?: string | undefined;
  /** When the last acknowledgement came, and how long after its response. */
  readonly ackedAt?: string | undefined;
  readonly ackMs?: number | undefined;
  /** Since when it has not what is served, in whole seconds. */
  readonly behindSeconds?: number | undefined;
  /** Responses that it refused, and the last of them. */
  readonly nacks: number;
  readonly lastNack?: NackDetail | undefined;
}

export interface NackDetail {
  readonly at: string;
  readonly secret: string;
  readonly version?: string | undefined;
  /** A gRPC status code. */
  readonly code: number;
  /** What the proxy said. */
  readonly message: string;
}

/** `GET /api/v1/proxies/{node}`. */
export interface ProxyDetail extends ProxySummary {
  /** Other meshes in which a proxy of the same node id is connected, where none was asked for. */
  readonly alsoIn?: readonly string[] | undefined;
  readonly streams: readonly StreamDetail[];
}

export interface StreamDetail {
  readonly transport: string;
  readonly address: string;
  readonly openedAt: string;
  readonly secrets: readonly ProxySecret[];
}

/** A secret that a proxy asks for. */
export interface ProxySecret {
  readonly name: string;
  readonly sentVersion?: string | undefined;
  readonly sentAt?: string | undefined;
  readonly ackedVersion?: string | undefined;
  readonly ackedAt?: string | undefined;
  /** From sending to acknowledgement. */
  readonly ackMs?: number | undefined;
  /** What it is to have. */
  readonly servedVersion?: string | undefined;
}

/** `GET /api/v1/meshes/{mesh}/rollout`: how far what is served has come. */
export interface RolloutDetail {
  readonly mesh: string;
  readonly version: string;
  /** When the change came in, and when it went out to proxies. */
  readonly changedAt: string;
  readonly servedAt: string;
  readonly proxies: ProxyCounts;
  /** False: a worker did not answer in time, and its proxies are missing. */
  readonly complete: boolean;
  /**
   * All connected proxies are known and have acknowledged what is served, and none is reconnecting or lost without
   * having done so.
   */
  readonly converged: boolean;
  /** When the last of them did. */
  readonly convergedAt?: string | undefined;
  /** What was served lately, newest first, and how many proxies have it. */
  readonly versions: readonly VersionCount[];
  /** With `?version=`: who has that version or a later one; else the same for `version`. */
  readonly asked: {
    readonly version: string;
    /** Whether it is, or was lately, served. */
    readonly known: boolean;
    readonly proxies: number;
    /** Proxies without it, those that are reconnecting or lost included. */
    readonly lacking: number;
  };
  /** Proxies without it, lost ones first, at most 100. */
  readonly lagging: readonly LaggingProxy[];
}

export interface ProxyCounts extends Readonly<Record<ProxyState, number>> {
  readonly connected: number;
  /**
   * Lost proxies that are more than the server keeps by name, of whichever mesh. While there are any, no roll-out
   * has converged.
   */
  readonly forgotten: number;
}

export interface VersionCount {
  readonly version: string;
  readonly servedAt: string;
  readonly proxies: number;
}

export interface LaggingProxy {
  readonly node: string;
  readonly address: string;
  readonly state: ProxyState;
  readonly behindSeconds?: number | undefined;
  /** The newest version of the mesh that it has acknowledged in full; absent if it is none of the last. */
  readonly version?: string | undefined;
  /** When its last connection ended, if it has none. */
  readonly disconnectedAt?: string | undefined;
  readonly message?: string | undefined;
}
