import { createReviewCache } from '../../access/review-cache.ts';
import type { ReviewResult, ReviewToken, TokenClient } from '../../access/review.ts';
import { createFairQueue } from '../../xds/rate/fair-queue.ts';
import type { Origin } from '../../xds/rate/fair-queue.ts';
import { after } from '../../xds/timers/timers.ts';
import { createReviewBudget } from './review-budget.ts';
import type { ReviewRates } from './review-budget.ts';
import type { SendReview } from './token-review.ts';

/** Reviews tokens: by the cache, or by the API server. */
export interface TokenReviewer {
  readonly review: ReviewToken;
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

export interface ReviewLimits extends ReviewRates {
  /** The most requests at once. */
  readonly atOnce: number;
  /** The most tokens that wait for a request: of all clients, and of one address. */
  readonly waiting: number;
  readonly waitingOfAddress: number;
  /** Time in which a token must be reviewed, in ms. */
  readonly withinMs: number;
}

const defaultLimits: ReviewLimits = {
  atOnce: 16,
  waiting: 10_000,
  waitingOfAddress: 1_000,
  withinMs: 5_000,
  rate: { perSecond: 50, burst: 500 },
  addressRate: { perSecond: 5, burst: 50 },
};

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
 * Creates a reviewer. Each token has one request at a time, and the API server at most 16 of them. Requests that end
 * without an accepted token have a budget; tokens above it wait. Clients take turns by their addresses and connections,
 * so one with thousands of tokens delays another client by one request.
 */
export function createTokenReviewer(options: TokenReviewerOptions): TokenReviewer {
  const { send, audience, cacheMs, now, reviewed } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const { atOnce, withinMs } = limits;
  const cache = createReviewCache(audience, cacheMs);
  const budget = createReviewBudget(limits);
  const open = new Map<string, Promise<ReviewResult>>();
  const queue = createFairQueue<Review>();
  const closing = new AbortController();
  let running = 0;
  let cancelNext: (() => void) | undefined;

  async function run(review: Review): Promise<void> {
    const startedAt = performance.now();
    running += 1;
    const leftMs = Math.max(1, review.deadline - startedAt);
    const result = await send(review.token, closing.signal, leftMs).catch(unavailable);
    running -= 1;
    reviewed(result, performance.now() - startedAt);
    if (result.kind === 'accepted') budget.restore(review.address);
    if (result.kind !== 'unavailable') cache.set(review.key, result, now(), review.expiresAt);
    review.settle(result);
    next();
  }

  /** Sends as many requests as allowed, and comes back when the budget allows the next one. */
  function next(): void {
    while (running < atOnce && queue.size > 0) {
      const at = performance.now();
      let waitMs = budget.waitMs(at);
      if (waitMs > 0) return comeBack(waitMs);
      waitMs = Number.POSITIVE_INFINITY;
      const review = queue.shift((_, address) => {
        const ms = budget.take(address, at);
        waitMs = Math.min(waitMs, ms);
        return ms === 0;
      });
      if (review === undefined) return comeBack(waitMs);
      void run(review);
    }
  }

  function comeBack(ms: number): void {
    if (closing.signal.aborted) return;
    cancelNext ??= after(ms, () => {
      cancelNext = undefined;
      next();
    });
  }

  function hasRoomFor(address: string): boolean {
    if (closing.signal.aborted || queue.size >= limits.waiting) return false;
    return queue.sizeOf(address) < limits.waitingOfAddress;
  }

  function start(
    key: string,
    token: string,
    { address, connection }: TokenClient,
    expiresAt: number | undefined,
  ): Promise<ReviewResult> {
    if (!hasRoomFor(address)) return Promise.resolve(tooLate);
    const { promise, resolve } = Promise.withResolvers<ReviewResult>();
    const review: Review = {
      key,
      token,
      expiresAt,
      address,
      connection,
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
    review(token, client, expiresAt) {
      const key = cache.keyOf(token);
      return cache.get(key, now()) ?? open.get(key) ?? start(key, token, client, expiresAt);
    },
    close() {
      closing.abort();
      cancelNext?.();
    },
  };
}
