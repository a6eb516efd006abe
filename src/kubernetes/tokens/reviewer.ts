import { createReviewCache } from '../../access/review-cache.ts';
import type { ReviewResult, ReviewToken, SettledReview } from '../../access/review.ts';
import type { SignatureVerdict } from '../../access/token-signature.ts';
import { createFairQueue } from '../../xds/rate/fair-queue.ts';
import type { Origin } from '../../xds/rate/fair-queue.ts';
import { after } from '../../xds/timers/timers.ts';
import { createReviewBudget } from './review-budget.ts';
import type { ReviewRates } from './review-budget.ts';
import type { SignatureChecker } from './signing-keys.ts';
import type { SendReview } from './token-review.ts';
import { createWaitingRoom } from './waiting-room.ts';
import type { WaitingLimits } from './waiting-room.ts';

/** Reviews tokens: by the cache, or by the API server. */
export interface TokenReviewer {
  readonly review: ReviewToken;
  /** Abandons the reviews that are not done. */
  close(): void;
}

export interface TokenReviewerOptions {
  readonly send: SendReview;
  /** Checks who has signed a token. By default, only the API server can tell. */
  readonly signatures?: SignatureChecker | undefined;
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
  /** The most requests at once: of all tokens, and of those whose signature is unknown. */
  readonly atOnce: number;
  readonly unknownAtOnce: number;
  /** The waiting tokens: with a good signature, of an unknown one, and of unlisted keys until these are read again. */
  readonly signedWaiting: WaitingLimits;
  readonly unknownWaiting: WaitingLimits;
  readonly unlistedWaiting: WaitingLimits;
  /** Time in which a token must be reviewed, in ms. */
  readonly withinMs: number;
}

/** A service account token has about 1,000 characters, and 16,384 at most are read. */
const someTokens: WaitingLimits = {
  tokens: 10_000,
  tokensOfAddress: 1_000,
  characters: 16 * 2 ** 20,
  charactersOfAddress: 2 * 2 ** 20,
};

const defaultLimits: ReviewLimits = {
  atOnce: 16,
  unknownAtOnce: 12,
  // Only the API server can make them, and the proxies of a fleet may all have the address of one gateway.
  signedWaiting: { ...someTokens, tokensOfAddress: 10_000, charactersOfAddress: 16 * 2 ** 20 },
  unknownWaiting: someTokens,
  unlistedWaiting: { ...someTokens, tokens: 1_000, tokensOfAddress: 100 },
  withinMs: 5_000,
  rate: { perSecond: 50, burst: 500 },
  addressRate: { perSecond: 5, burst: 50 },
};

/** Tokens of the first lane go first, and have no budget: only the API server can make them. */
type Lane = Extract<SignatureVerdict, 'signed' | 'unknown'>;

/** A token, and until when it must be reviewed. */
interface TokenRequest extends Origin {
  readonly key: string;
  readonly token: string;
  readonly expiresAt: number | undefined;
  readonly deadline: number;
}

/** A token that is being reviewed, or waits for it. All of its streams share the review. */
interface Review extends TokenRequest {
  readonly lane: Lane;
  /** Called when it waits no longer. */
  readonly leave: () => void;
  readonly settle: (result: ReviewResult) => void;
}

/** A defect must not end the server, and admits no client. */
const unavailable = (error: unknown): ReviewResult => ({ kind: 'unavailable', reason: String(error) });

const forged: SettledReview = {
  kind: 'refused',
  reason: 'token',
  message: 'the API server has not signed the token',
};

/** Says "key": the token may be of another cluster. */
const unlisted: SettledReview = {
  kind: 'refused',
  reason: 'token',
  message: 'no key of the API server has signed the token',
};

const onlyApiServerKnows: SignatureChecker = {
  check: () => 'unknown',
  readAgain: () => Promise.resolve(),
};

const tooLate: ReviewResult = { kind: 'unavailable', reason: 'no review of the token in time' };

/**
 * Creates a reviewer. Each token has one request at a time, and the API server at most 16 of them. A token with a
 * forged signature costs no request. One of an unlisted key waits until the keys are read again, and is refused if it
 * is still unlisted: API servers publish the keys of all tokens that they sign. If the signature is unknown, requests
 * that end without an accepted token have a budget; tokens above it wait. Clients take turns by their addresses and
 * connections, so one with thousands of tokens delays another client by one request.
 */
export function createTokenReviewer(options: TokenReviewerOptions): TokenReviewer {
  const { send, audience, cacheMs, now, reviewed, signatures = onlyApiServerKnows } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const { withinMs } = limits;
  const cache = createReviewCache(audience, cacheMs);
  const budget = createReviewBudget(limits);
  const open = new Map<string, Promise<ReviewResult>>();
  const queues = { signed: createFairQueue<Review>(), unknown: createFairQueue<Review>() };
  const running = { signed: 0, unknown: 0 };
  const rooms = {
    signed: createWaitingRoom(limits.signedWaiting),
    unknown: createWaitingRoom(limits.unknownWaiting),
    unlisted: createWaitingRoom(limits.unlistedWaiting),
  };
  const closing = new AbortController();
  let cancelNext: (() => void) | undefined;

  async function run(review: Review): Promise<void> {
    const startedAt = performance.now();
    running[review.lane] += 1;
    review.leave();
    const leftMs = Math.max(1, review.deadline - startedAt);
    const result = await send(review.token, closing.signal, leftMs).catch(unavailable);
    running[review.lane] -= 1;
    reviewed(result, performance.now() - startedAt);
    if (review.lane === 'unknown' && result.kind === 'accepted') budget.restore(review.address);
    if (result.kind !== 'unavailable') cache.set(review.key, result, now(), review.expiresAt);
    review.settle(result);
    next();
  }

  /** Sends as many requests as allowed. */
  function next(): void {
    while (running.signed + running.unknown < limits.atOnce) {
      const review = queues.signed.shift() ?? nextUnknown();
      if (review === undefined) return;
      void run(review);
    }
  }

  /** Returns the next token of an unknown signature, or comes back when the budget allows it. */
  function nextUnknown(): Review | undefined {
    if (queues.unknown.size === 0 || running.unknown >= limits.unknownAtOnce) return undefined;
    const at = performance.now();
    let waitMs = budget.waitMs(at);
    if (waitMs > 0) return comeBack(waitMs);
    waitMs = Number.POSITIVE_INFINITY;
    const review = queues.unknown.shift((_, address) => {
      const ms = budget.take(address, at);
      waitMs = Math.min(waitMs, ms);
      return ms === 0;
    });
    return review ?? comeBack(waitMs);
  }

  function comeBack(ms: number): undefined {
    if (closing.signal.aborted) return;
    cancelNext ??= after(ms, () => {
      cancelNext = undefined;
      next();
    });
  }

  /** Reviews a token that has a verdict. */
  function start(lane: Lane, request: TokenRequest): Promise<ReviewResult> {
    const { address, token } = request;
    if (closing.signal.aborted || !rooms[lane].enter(address, token.length)) return Promise.resolve(tooLate);
    const { promise, resolve } = Promise.withResolvers<ReviewResult>();
    const leave = (): void => {
      cancel();
      rooms[lane].leave(address, token.length);
    };
    const review: Review = { ...request, lane, leave, settle: resolve };
    // A request that was sent has its own time limit.
    const cancel = after(request.deadline - performance.now(), () => giveUp(review));
    queues[lane].add(review);
    next();
    return promise;
  }

  function giveUp(review: Review): void {
    queues[review.lane].delete(review);
    review.leave();
    review.settle(tooLate);
  }

  /** Reviews a token of an unlisted key, once the keys were read again. */
  async function startUnlisted(request: TokenRequest): Promise<ReviewResult> {
    const { address, token, deadline } = request;
    // The keys were read a moment ago, because others wait already.
    if (!rooms.unlisted.enter(address, token.length)) return unlisted;
    const isInTime = await isDoneBefore(deadline, signatures.readAgain());
    rooms.unlisted.leave(address, token.length);
    if (!isInTime || closing.signal.aborted) return tooLate;
    const verdict = signatures.check(token);
    if (verdict === 'signed' || verdict === 'unknown') return start(verdict, request);
    return verdict === 'forged' ? forged : unlisted;
  }

  /** Shares the review with all streams that have the token. */
  function share(key: string, review: Promise<ReviewResult>): Promise<ReviewResult> {
    const shared = review.finally(() => open.delete(key));
    open.set(key, shared);
    return shared;
  }

  return {
    review(token, client, expiresAt) {
      const key = cache.keyOf(token);
      const known = cache.get(key, now()) ?? open.get(key);
      if (known !== undefined) return known;
      const verdict = signatures.check(token);
      if (verdict === 'forged') return forged;
      const request = { key, token, expiresAt, ...client, deadline: performance.now() + withinMs };
      return share(key, verdict === 'unlisted' ? startUnlisted(request) : start(verdict, request));
    },
    close() {
      closing.abort();
      cancelNext?.();
      for (const queue of Object.values(queues))
        for (let review = queue.peek(); review !== undefined; review = queue.peek()) giveUp(review);
    },
  };
}

/** Returns whether the work is done at the deadline, a time of `performance.now()`. */
async function isDoneBefore(deadline: number, work: Promise<void>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const cancel = after(deadline - performance.now(), () => resolve(false));
  void work.then(() => resolve(true));
  return promise.finally(cancel);
}
