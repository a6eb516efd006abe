import type { Protocol } from './messages.ts';
import type { ClientTls } from './security.ts';

/** A command to the load generator. It executes one command at a time. */
export type Command =
  | {
      readonly kind: 'connect';
      readonly address: string;
      /** `undefined`: plain text. */
      readonly tls: ClientTls | undefined;
      readonly path: string;
      readonly protocol: Protocol;
      readonly proxies: number;
      /** Number of proxies that connect concurrently; all of them for a reconnect storm. */
      readonly atOnce: number;
      /** The node in base64. Its first field is the id: two bytes of tag and length, then the text. */
      readonly node: string;
      readonly nodeInEveryRequest: boolean;
      readonly name: string;
      /** Quoted versions: none, or those that the previous proxies had. */
      readonly quotes: boolean;
      /** True if each proxy gets a response. A proxy that quotes the current version gets none. */
      readonly answered: boolean;
    }
  /** Starts to count. Every proxy that is not paused is expected to receive a response. */
  | { readonly kind: 'expect' }
  /** Waits until all have received it, or the time is up. */
  | { readonly kind: 'received'; readonly timeoutMs: number }
  | { readonly kind: 'pause'; readonly proxies: number }
  | { readonly kind: 'resume' }
  | { readonly kind: 'close' };

/** The responses since the last `expect`. Times are from the system's monotonic clock, in ms. */
export interface Receipts {
  readonly expected: number;
  readonly received: number;
  readonly responses: number;
  readonly resources: number;
  readonly first: number;
  readonly median: number;
  readonly p99: number;
  readonly last: number;
}

export type Reply =
  | { readonly kind: 'done' }
  | ({ readonly kind: 'receipts' } & Receipts)
  | { readonly kind: 'failed'; readonly reason: string };

/** Returns the time in ms of a monotonic clock that all processes of the machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
