import type { ProxyName } from '../../fleet/proxy-name.ts';
import type { ProxyOptions, ServeOptions } from '../../runtime/serve-options.ts';
import type { Forgotten } from '../../fleet/gone-list.ts';
import type { GoneRecord, ProxyRecord } from '../../fleet/records.ts';
import type { LostProxyKey } from '../../fleet/moved.ts';
import type { AckCount } from '../../fleet/rollout.ts';
import type { StreamMetric } from '../../observe/metrics/merge-metrics.ts';
import type { NodeRefusal } from '../../xds/index.ts';

/** What a worker needs of the options of `serve`. */
export type WorkerOptions = ProxyOptions & Pick<ServeOptions, 'logFormat' | 'logLevel'>;

/** One encoded trust domain, told to a worker once for all secrets that it is part of. */
export interface SharedPart {
  readonly hash: Uint8Array;
  readonly bytes: Uint8Array;
}

/** A secret by its parts, in order: hashes in hexadecimal. The worker makes the same bytes of them. */
export interface SharedSecret {
  readonly name: string;
  readonly parts: readonly string[];
}

/** What differs in a mesh from what the worker was told before. */
export interface MeshDelta {
  readonly mesh: string;
  readonly version: string;
  readonly parts: readonly SharedPart[];
  readonly secrets: readonly SharedSecret[];
  readonly removed: readonly string[];
}

/** The proxies of a mesh at one worker. */
export interface WorkerCount extends AckCount {
  /** Of the mesh, as the worker serves it. */
  readonly version: string;
}

/** How the proxies of a worker differ from what it reported before. */
export interface RosterChange {
  /** Proxies with a node id that are connected now, and those that no longer are. */
  readonly came: readonly ProxyName[];
  readonly left: readonly ProxyName[];
  /** Proxies without a connection that roll-outs may wait for, by key, and the keys of those that no longer are. */
  readonly gone: readonly (readonly [key: string, record: GoneRecord])[];
  readonly settled: readonly string[];
  /** All such proxies that are more than the worker keeps. */
  readonly forgotten: Forgotten;
}

/** From the parent to a worker. */
export type ToWorker =
  | { readonly kind: 'start'; readonly id: number; readonly options: WorkerOptions }
  /** `since`: when the first cause of the change came in, epoch milliseconds. Answered with `applied`. */
  | { readonly kind: 'states'; readonly deltas: readonly MeshDelta[]; readonly since: number }
  | { readonly kind: 'serving'; readonly serving: boolean }
  /** Bytes that a client refused at one worker: all must know. */
  | { readonly kind: 'refused'; readonly refusals: readonly NodeRefusal[] }
  /** Answered with `metrics`. */
  | { readonly kind: 'collect' }
  /** Answered with `fleet`. */
  | { readonly kind: 'look'; readonly mesh: string | undefined }
  /** Another server has these proxies. */
  | { readonly kind: 'release'; readonly proxies: readonly LostProxyKey[] }
  | { readonly kind: 'drain'; readonly graceMs: number };

/** From a worker to the parent. */
export type FromWorker =
  | { readonly kind: 'up' }
  | { readonly kind: 'listening'; readonly address: string }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'applied' }
  /** Sent when proxies come, leave or acknowledge something, and while any is lost. */
  | {
      readonly kind: 'proxies';
      readonly proxies: ReadonlyMap<string, WorkerCount>;
      readonly change: RosterChange;
    }
  | { readonly kind: 'refused'; readonly refusals: readonly NodeRefusal[] }
  | { readonly kind: 'metrics'; readonly metrics: readonly StreamMetric[] }
  | {
      readonly kind: 'fleet';
      readonly connected: readonly ProxyRecord[];
      readonly gone: readonly GoneRecord[];
      readonly forgotten: number;
    };
