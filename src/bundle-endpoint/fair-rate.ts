import { createTokenBucket } from '../xds/rate/token-bucket.ts';
import { clientNetwork } from './core/client-network.ts';

/** Limits the rate of responses. */
export interface FairRate {
  /**
   * Admits a request and returns 0, or returns the milliseconds after which the client should retry. `now` is in ms, of
   * a monotonic clock.
   */
  take(address: string, now: number): number;
}

/** A client that had no response for this time, in ms, has a turn that busy clients cannot take. */
const quietMs = 1_000;

/**
 * Creates a limit that all clients share. Beyond it, each client has one more response per second, `perSecond` of them
 * in all: one client that sends requests without a pause cannot keep the bundles from the others.
 */
export function createFairRate(perSecond: number): FairRate {
  const shared = createTokenBucket({ perSecond, burst: perSecond });
  const reserved = createTokenBucket({ perSecond, burst: perSecond });
  /** When each client had its last response, the longest ago first. It has no clients without a recent response. */
  const answered = new Map<string, number>();
  return {
    take(address, now) {
      for (const [client, at] of answered) {
        if (now - at < quietMs) break;
        answered.delete(client);
      }
      const client = clientNetwork(address);
      const sharedWait = shared.take(now);
      const wait = sharedWait > 0 && !answered.has(client) ? reserved.take(now) : sharedWait;
      if (wait > 0) return wait;
      answered.delete(client);
      answered.set(client, now);
      return 0;
    },
  };
}
