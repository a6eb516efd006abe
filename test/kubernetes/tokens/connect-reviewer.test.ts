import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { connectReviewer } from '../../../src/kubernetes/tokens/connect-reviewer.ts';
import type { ReviewResult } from '../../../src/access/review.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { createTokenIssuer, startTokenReviews } from '../../kit/token-reviews.ts';
import type { TokenIssuer, TokenReviewsOptions } from '../../kit/token-reviews.ts';

/** A reviewer with an API server that publishes the keys of these issuers; `undefined`: none. */
async function setUp(
  issuers: () => readonly TokenIssuer[] | undefined,
  more: Partial<TokenReviewsOptions> = {},
) {
  await using stack = new AsyncDisposableStack();
  const keys = (): object | undefined => {
    const found = issuers();
    return found && { keys: found.flatMap((issuer) => issuer.keys.keys) };
  };
  const api = stack.use(await startTokenReviews({ accepts: () => true, keys, ...more }));
  const dir = stack.use(await makeTempDir());
  await writeFile(dir.join('kubeconfig'), api.kubeconfig);
  const read = Promise.withResolvers<string | undefined>();
  const reviewer = connectReviewer({
    kubeconfig: dir.join('kubeconfig'),
    audience: 'meshtrust',
    cacheMs: 60_000,
    now: () => Date.now(),
    reviewed: () => undefined,
    keysRead: (problem) => read.resolve(problem),
    // A busy machine may take longer than the default.
    limits: { withinMs: 60_000 },
  });
  stack.defer(() => reviewer.close());
  await read.promise;
  const owned = stack.move();
  return {
    api,
    review: async (token: string, address = '10.0.0.1'): Promise<ReviewResult> =>
      reviewer.review(token, { address, connection: `${address}:1` }, undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

suite('reviewer with the keys of an API server', () => {
  test('flood of invented keys: is refused with no review and one more read of the keys', async () => {
    const issuer = createTokenIssuer();
    await using scene = await setUp(() => [issuer]);
    const { review, api } = scene;
    const flood = Array.from({ length: 2_000 }, (_, index) =>
      review(createInvented(issuer, index), `10.0.0.${index % 100}`),
    );
    for (const result of await Promise.all(flood)) assert.equal(result.kind, 'refused');
    assert.deepEqual(api.reviewed, []);
    assert.equal(api.keyReads(), 2);
    const good = issuer.issue({ name: 'good' });
    assert.equal((await review(good)).kind, 'accepted');
    assert.deepEqual(api.reviewed, [good]);
  });

  test('key that the API server has since a moment: its first token is accepted beside a flood', async () => {
    const [first, second] = [createTokenIssuer('first'), createTokenIssuer('second')];
    let issuers = [first];
    await using scene = await setUp(() => issuers);
    const { review, api } = scene;
    const flood = Array.from({ length: 50 }, (_, index) => review(createInvented(first, index)));
    issuers = [second, first];
    assert.equal((await review(second.issue({}))).kind, 'accepted');
    for (const result of await Promise.all(flood)) assert.equal(result.kind, 'refused');
    assert.equal(api.reviewed.length, 1);
  });

  test('API server that publishes no keys: its tokens are accepted, and others are reviewed within the budget', async () => {
    const issuer = createTokenIssuer();
    const good = issuer.issue({});
    await using scene = await setUp(() => undefined, { accepts: (token) => token === good });
    const { review, api } = scene;
    assert.equal((await review(good)).kind, 'accepted');
    const bad = await Promise.all(
      Array.from({ length: 20 }, (_, index) => review(createInvented(issuer, index))),
    );
    for (const result of bad) assert.equal(result.kind, 'refused');
    assert.equal(api.reviewed.length, 21);
  });
});

/** Returns a token with a key ID of its own. */
function createInvented({ issue }: TokenIssuer, index: number): string {
  const [, ...rest] = issue({ index }).split('.');
  const header = { alg: 'ES256', kid: `invented-${index}` };
  return [Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.');
}
