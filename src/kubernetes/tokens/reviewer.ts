import { createReviewCache } from '../../access/review-cache.ts';
import type { SettledReview } from '../../access/review-cache.ts';
import { createFairQueue } from '../../xds/rate/fair-queue.ts';
import type { Origin } from '../../xds/rate/fair-queue.ts';
import { after } from '../../xds/timers/timers.ts';
import type { ReviewResult, SendReview } from './token-review.ts';

/** Reviews tokens: by the cache, or by the API server. */
export interface TokenReviewer {
  /** `address`: the client, without its port. `expiresAt`: when the token expires, in epoch milliseconds. */
  review(
    token: string,
    address: string,
    expiresAt: number | undefined,
  ): SettledReview | Promise<ReviewResult>;
  /** Abandons the reviews that are not done. */
  close(): void;
}

export interface TokenReviewerOptions {
  readonly send: SendReview;
  readonly audience: string;
  /** Time for which an accepted token is not reviewed again, in ms. */
  readonly cacheMs: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Called after each request to the API server. */
  readonly reviewed: (result: ReviewResult, ms: number) => void;
  readonly limits?: Partial<ReviewLimits> | undefined;
}

export interface ReviewLimits {
  /** The most requests at once. */
  readonly atOnce: number;
  /** The most tokens that wait for a request. */
  readonly waiting: number;
  /** Time in which a token must be reviewed, in ms. */
  readonly withinMs: number;
}

const defaultLimits: ReviewLimits = { atOnce: 16, waiting: 10_000, withinMs: 5_000 };

/** A token that is being reviewed, or waits for it. All of its streams share the review. */
interface Review extends Origin {
  readonly key: string;
  readonly token: string;
  readonly expiresAt: number | undefined;
  readonly deadline: number;
  readonly settle: (result: ReviewResult) => void;
}

/** A defect must not end the server, and admits no client. */
const unavailable = (error: unknown): ReviewResult => ({ kind: 'unavailable', reason: String(error) });

const tooLate: ReviewResult = { kind: 'unavailable', reason: 'no review of the token in time' };

/**
 * Creates a reviewer. Each token has one request at a time, and the API server at most 16 of them. Clients take turns by
 * their addresses, so one with thousands of tokens delays another client by one request.
 */
export function createTokenReviewer(options: TokenReviewerOptions): TokenReviewer {
  const { send, audience, cacheMs, now, reviewed } = options;
  const { atOnce, waiting, withinMs } = { ...defaultLimits, ...options.limits };
  const cache = createReviewCache(audience, cacheMs);
  const open = new Map<string, Promise<ReviewResult>>();
  const queue = createFairQueue<Review>();
  const closing = new AbortController();
  let running = 0;

  async function run(review: Review): Promise<void> {
    const startedAt = performance.now();
    running += 1;
    const leftMs = Math.max(1, review.deadline - startedAt);
    const result = await send(review.token, closing.signal, leftMs).catch(unavailable);
    running -= 1;
    reviewed(result, performance.now() - startedAt);
    if (result.kind !== 'unavailable') cache.set(review.key, result, now(), review.expiresAt);
    review.settle(result);
    next();
  }

  function next(): void {
    while (running < atOnce) {
      const review = queue.shift();
      if (review === undefined) return;
      void run(review);
    }
  }

  function start(
    key: string,
    token: string,
    address: string,
    expiresAt: number | undefined,
  ): Promise<ReviewResult> {
    if (queue.size >= waiting || closing.signal.aborted) return Promise.resolve(tooLate);
    const { promise, resolve } = Promise.withResolvers<ReviewResult>();
    const review: Review = {
      key,
      token,
      expiresAt,
      address,
      connection: queue,
      deadline: performance.now() + withinMs,
      settle: resolve,
    };
    queue.add(review);
    // A request that was sent has its own time limit.
    const cancel = after(withinMs, () => {
      if (queue.delete(review)) resolve(tooLate);
    });
    const settled = promise.finally(() => {
      cancel();
      open.delete(key);
    });
    open.set(key, settled);
    next();
    return settled;
  }

  return {
    review(token, address, expiresAt) {
      const key = cache.keyOf(token);
      return cache.get(key, now()) ?? open.get(key) ?? start(key, token, address, expiresAt);
    },
    close: () => closing.abort(),
  };
}
