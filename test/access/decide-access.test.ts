import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { AccessDecision, ClientClaim } from '../../src/access/claim.ts';
import { refuse } from '../../src/access/claim.ts';
import { parseRules } from '../../src/access/parse-rules.ts';
import { decideAccess } from '../../src/access/decide-access.ts';
import type { DecideParts } from '../../src/access/decide-access.ts';
import type { ReviewResult } from '../../src/access/review.ts';

const now = 1_000_000_000_000;
const tokenOf = (claims: object): string =>
  `Bearer e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
const good = tokenOf({ aud: ['meshtrust'], exp: now / 1_000 + 60 });
const certificate = { leaf: new Uint8Array(), chain: [], isVerified: true };
const anonymous: ClientClaim = {
  address: '10.0.0.1:4711',
  certificate: undefined,
  authorization: undefined,
  nodeId: 'n',
  mesh: 'm',
};
const accepted: ReviewResult = {
  kind: 'accepted',
  account: { kind: 'service-account', namespace: 'edge', name: 'envoy', pod: undefined },
};
const asSpiffe: DecideParts['judge'] = () => ({ kind: 'spiffe', id: 'spiffe://a.test/x' });
const asStranger: DecideParts['judge'] = () => refuse('certificate', 'a stranger');

/** Decides with these parts, and returns the addresses of the reviewed tokens as well. */
async function decide(
  claim: Partial<ClientClaim>,
  parts: Partial<Omit<DecideParts, 'rules'>> & { readonly rules?: string; readonly answer?: ReviewResult },
): Promise<{ readonly decision: AccessDecision; readonly reviewed: readonly string[] }> {
  const reviewed: string[] = [];
  const { rules: text, answer = accepted, ...rest } = parts;
  const parsed = text === undefined ? undefined : parseRules(text);
  const decision = await decideAccess({
    judge: undefined,
    tokens: {
      accepted: () => undefined,
      audience: 'meshtrust',
      reviewer: {
        review: (_, { address }) => {
          reviewed.push(address);
          return Promise.resolve(answer);
        },
      },
    },
    rules: () => (parsed?.kind === 'rules' ? parsed.rules : undefined),
    allowsAnonymous: false,
    now: () => now,
    ...rest,
  })({ ...anonymous, ...claim });
  return { decision, reviewed };
}

const allowed = (identity: string | undefined): AccessDecision => ({ kind: 'allowed', identity });
const envoy = 'system:serviceaccount:edge:envoy';

suite('decision about a client', () => {
  const accountRule = `- { from: { namespace: edge, serviceAccount: envoy }, mesh: m }`;
  const cases: readonly (readonly [
    what: string,
    ...input: Parameters<typeof decide>,
    expected: AccessDecision | string,
  ])[] = [
    ['certificate', { certificate }, { judge: asSpiffe }, allowed('spiffe://a.test/x')],
    ['token', { authorization: good }, {}, allowed(envoy)],
    ['certificate of a stranger', { certificate }, { judge: asStranger }, 'certificate'],
    [
      'certificate of a stranger, and a token',
      { certificate, authorization: good },
      { judge: asStranger },
      allowed(envoy),
    ],
    [
      'certificate without the right, and a token that has it',
      { certificate, authorization: good },
      { judge: asSpiffe, rules: accountRule },
      allowed(envoy),
    ],
    ['certificate without the right', { certificate }, { judge: asSpiffe, rules: accountRule }, 'mesh'],
    ['certificate, if only tokens count', { certificate }, {}, 'no-credentials'],
    ['token, if only certificates count', { authorization: good }, { tokens: undefined }, 'no-credentials'],
    ['token without the right', { authorization: good, mesh: 'other' }, { rules: accountRule }, 'mesh'],
    [
      'token that the API server refuses',
      { authorization: good },
      { answer: { kind: 'refused', reason: 'token', message: 'no' } },
      'token',
    ],
    [
      'API server away',
      { authorization: good },
      { answer: { kind: 'unavailable', reason: 'away' } },
      'review-unavailable',
    ],
    ['no credentials, with none', {}, { allowsAnonymous: true }, allowed(undefined)],
    [
      'refused token, with none',
      { authorization: 'Bearer x' },
      { allowsAnonymous: true },
      allowed(undefined),
    ],
    ['node id of 5,000 characters', { authorization: good, nodeId: 'n'.repeat(5_000) }, {}, 'node'],
    ['mesh of 5,000 characters', { authorization: good, mesh: 'm'.repeat(5_000) }, {}, 'mesh'],
  ];
  for (const [what, claim, parts, expected] of cases)
    test(`${what}: ${typeof expected === 'string' ? `refused, ${expected}` : 'allowed'}`, async () => {
      const { decision } = await decide(claim, parts);
      if (typeof expected === 'string')
        assert.equal(decision.kind === 'refused' && decision.reason, expected);
      else assert.deepEqual(decision, expected);
    });

  test('token that says itself that it does not count: costs the API server nothing', async () => {
    const bad = [
      '',
      'Bearer x',
      'Bearer e30.e30',
      tokenOf({ exp: 1 }),
      tokenOf({ aud: 'vault' }),
      `Bearer ${'a'.repeat(20_000)}`,
    ];
    for (const authorization of bad) {
      const { decision, reviewed } = await decide({ authorization }, {});
      assert.deepEqual([decision.kind, reviewed], ['refused', []]);
    }
  });

  test('address of a client: counts without its port, so that it takes turns on all of its connections', async () => {
    const { reviewed } = await decide({ authorization: good }, {});
    assert.deepEqual(reviewed, ['10.0.0.1']);
  });

  test('refusal: quotes no token', async () => {
    for (const authorization of ['Bearer secret', good]) {
      const answer: ReviewResult = { kind: 'unavailable', reason: `no ${good}` };
      const { decision } = await decide({ authorization }, { answer });
      assert.equal(decision.kind, 'refused');
      assert.doesNotMatch(JSON.stringify(decision), /secret|e30/);
    }
  });
});
