import type { Protocol } from './messages.ts';

/** What the generator is told, one command at a time. */
export type Command =
  | {
      readonly kind: 'connect';
      readonly address: string;
      readonly path: string;
      readonly protocol: Protocol;
      readonly proxies: number;
      /** How many connect at a time; all at once for a storm. */
      readonly atOnce: number;
      /** The node in base64; its first `idLength` bytes of text after the two of the field are the id. */
      readonly node: string;
      readonly nodeInEveryRequest: boolean;
      readonly name: string;
      /** What they quote: nothing, or the versions that the proxies before them held. */
      readonly quotes: boolean;
      /** Whether each is to be answered: one that quotes what is served is not. */
      readonly answered: boolean;
    }
  /** Counts from now on; every one of the proxies is to receive a response, the paused ones excepted. */
  | { readonly kind: 'expect' }
  /** Resolved when they have, or the time is up. */
  | { readonly kind: 'received'; readonly timeoutMs: number }
  | { readonly kind: 'pause'; readonly proxies: number }
  | { readonly kind: 'resume' }
  | { readonly kind: 'close' };

/** What came since the last `expect`. Times are of the system's monotonic clock, in ms. */
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

/** Now, in ms, by a clock that all processes of the machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
