import type { AccessDecision, ClientClaim } from '../../access/claim.ts';
import type { ProxyName, GoneRecord, ProxyRecord } from '../../fleet/records.ts';
import type { ProxyOptions, ServeOptions } from '../../runtime/serve-options.ts';
import type { Forgotten } from '../../fleet/gone-list.ts';
import type { Unlisted } from '../../fleet/unlisted.ts';
import type { LostProxyKey } from '../../fleet/moved.ts';
import type { AckCount } from '../../fleet/rollout.ts';
import type { StreamMetric } from '../../observe/metrics/merge-metrics.ts';
import type { NamedStream } from '../../observe/log/log-proxies.ts';
import type { NodeRefusal } from '../../xds/index.ts';

/** The options of `serve` that a worker needs. */
export type WorkerOptions = ProxyOptions & Pick<ServeOptions, 'logFormat' | 'logLevel'>;

/** One encoded trust domain, sent to a worker once for all secrets that contain it. */
interface SharedPart {
  readonly hash: Uint8Array;
  readonly bytes: Uint8Array;
}

/** A secret as the hashes of its parts, in order and in hexadecimal. The worker builds the same bytes from them. */
interface SharedSecret {
  readonly name: string;
  readonly parts: readonly string[];
}

/** The difference of a mesh from the state that the worker was sent before. */
export interface MeshDelta {
  readonly mesh: string;
  readonly version: string;
  readonly parts: readonly SharedPart[];
  readonly secrets: readonly SharedSecret[];
  readonly removed: readonly string[];
}

/** The number of proxies of a mesh at one worker. */
export interface WorkerCount extends AckCount {
  /** The version of the mesh that the worker serves. */
  readonly version: string;
}

/** The difference of the proxies of a worker from its previous report. */
export interface RosterChange {
  /** Proxies with a node id that connected, and those that disconnected. */
  readonly came: readonly ProxyName[];
  readonly left: readonly ProxyName[];
  /** New records of proxies without a connection that roll-outs may wait for, and keys of records that are removed. */
  readonly gone: readonly (readonly [key: string, record: GoneRecord])[];
  readonly settled: readonly string[];
  /** All such proxies beyond those that the worker keeps by name. */
  readonly forgotten: Forgotten;
  /** All proxies without a connection that no roll-out waits for. */
  readonly unlisted: readonly Unlisted[];
}

/** A stream of a worker: its first request (`began`), or its end. `id`: unique in the worker. */
export interface StreamEvent {
  readonly id: number;
  readonly began?: NamedStream;
}

/** A message from the parent to a worker. */
export type ToWorker =
  /** `asks`: the parent decides about clients. */
  | { readonly kind: 'start'; readonly id: number; readonly options: WorkerOptions; readonly asks: boolean }
  /** `since`: when the first cause of the change arrived, in epoch milliseconds. Answered with `applied`. */
  | { readonly kind: 'states'; readonly deltas: readonly MeshDelta[]; readonly since: number }
  | { readonly kind: 'serving'; readonly serving: boolean }
  /** Answered with `alive`. */
  | { readonly kind: 'ask-alive' }
  /** Versions that a client rejected at another worker. */
  | { readonly kind: 'refused'; readonly refusals: readonly NodeRefusal[] }
  /** Answered with `metrics`. */
  | { readonly kind: 'collect' }
  /** Answered with `fleet`. */
  | { readonly kind: 'look'; readonly mesh: string | undefined }
  /** These proxies are connected to another server. */
  | { readonly kind: 'release'; readonly proxies: readonly LostProxyKey[] }
  /** The decision about a client, which the worker asked for; `undefined` if an error prevented it. */
  | { readonly kind: 'decided'; readonly ask: number; readonly decision: AccessDecision | undefined }
  | { readonly kind: 'drain'; readonly graceMs: number };

/** A message from a worker to the parent. */
export type FromWorker =
  | { readonly kind: 'up' }
  | { readonly kind: 'listening'; readonly address: string }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'applied' }
  | { readonly kind: 'alive' }
  /** Asks about a client of a new stream. Answered with `decided`. */
  | { readonly kind: 'decide'; readonly ask: number; readonly claim: ClientClaim }
  /** Sent when proxies connect, disconnect or acknowledge, and while any is lost. */
  | {
      readonly kind: 'proxies';
      readonly proxies: ReadonlyMap<string, WorkerCount>;
      readonly change: RosterChange;
      readonly streams: readonly StreamEvent[];
    }
  | { readonly kind: 'refused'; readonly refusals: readonly NodeRefusal[] }
  | { readonly kind: 'metrics'; readonly metrics: readonly StreamMetric[] }
  | {
      readonly kind: 'fleet';
      readonly connected: readonly ProxyRecord[];
      readonly gone: readonly GoneRecord[];
      readonly forgotten: number;
      readonly unlisted: readonly Unlisted[];
    };
