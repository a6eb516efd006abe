import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { parseRules } from '../../src/access/parse-rules.ts';
import { authenticationOf, followXdsAccess } from '../../src/app/xds-access.ts';
import type { XdsAccessInput } from '../../src/app/xds-access.ts';
import { proxyOptions } from '../kit/proxy-options.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import { fakeToken, startTokenReviews } from '../kit/token-reviews.ts';

const hourMs = 3_600_000;

/** Follows the access of a server that takes tokens, and returns what it warns of as well. */
async function start(ages: { readonly maxConnectionAge: number; readonly xdsMaxStreamAge?: number }) {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const reviews = stack.use(
    await startTokenReviews({ accepts: () => true, user: 'system:serviceaccount:edge:envoy' }),
  );
  const kubeconfig = dir.join('kubeconfig');
  await writeFile(kubeconfig, reviews.kubeconfig);
  const warnings: string[] = [];
  const warn = ({ event }: { readonly event: string }, text: string): void => {
    if (event === 'token-age') warnings.push(text);
  };
  const log = { warn, info: () => undefined, error: () => undefined, debug: () => undefined };
  const token = { audience: 'meshtrust', cacheMs: 60_000, kubeconfig };
  const options = { ...ages, xdsAuth: { methods: ['token'], token } };
  const input = { log, report: { set: () => undefined }, now: () => Date.now() };
  const access = stack.use(await followXdsAccess(options as never, input as unknown as XdsAccessInput));
  const owned = stack.move();
  return { access, warnings, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

suite('life of tokens', () => {
  for (const [what, ages, warns] of [
    ['no age', { maxConnectionAge: 0 }, /keeps its stream after its token has expired/],
    ['connections of 2 h', { maxConnectionAge: 2 * hourMs }, /less often than once an hour/],
    ['streams of 2 h', { maxConnectionAge: 0, xdsMaxStreamAge: 2 * hourMs }, /less often than once an hour/],
    ['streams of 1 h', { maxConnectionAge: 0, xdsMaxStreamAge: hourMs }, undefined],
    ['connections of 1 h', { maxConnectionAge: hourMs, xdsMaxStreamAge: 2 * hourMs }, undefined],
  ] as const)
    test(`${what}: the start ${warns === undefined ? 'has no warning' : 'has a warning'}`, async () => {
      await using started = await start(ages);
      assert.equal(started.warnings.length, warns === undefined ? 0 : 1);
      if (warns !== undefined) assert.match(started.warnings[0] ?? '', warns);
    });

  test('accepted tokens: the shortest life is in the description of the server', async () => {
    await using started = await start({ maxConnectionAge: hourMs });
    const { decide, shortestTokenLife } = started.access;
    assert.ok(decide !== undefined);
    assert.equal(shortestTokenLife(), undefined);
    const now = Math.floor(Date.now() / 1_000);
    for (const life of [3_600, 600, 7_200]) {
      const authorization = `Bearer ${fakeToken({ iat: now - 10, exp: now - 10 + life })}`;
      const claim = { address: '127.0.0.1:1', certificate: undefined, authorization, nodeId: 'n', mesh: 'm' };
      assert.equal((await decide(claim)).kind, 'allowed');
    }
    const { tokenLifeSeconds } = authenticationOf(
      { ...proxyOptions, xdsAccess: undefined },
      { tokenLifeMs: shortestTokenLife(), rules: undefined, meshes: [] },
    );
    assert.equal(tokenLifeSeconds, 600);
  });
});

suite('access rules in the description of the server', () => {
  const describe = (text: string | undefined) => {
    const parsed = text === undefined ? undefined : parseRules(text);
    const { rules, meshesWithNodeRules } = authenticationOf(
      { ...proxyOptions, xdsAccess: text === undefined ? undefined : 'access.yaml' },
      {
        tokenLifeMs: undefined,
        rules: parsed?.kind === 'rules' ? parsed.rules : undefined,
        meshes: ['own', 'other'],
      },
    );
    return { rules, meshesWithNodeRules };
  };
  const from = `from: { spiffeId: 'spiffe://own.test/gateway/{name}' }`;
  for (const [what, text, expected] of [
    ['no file', undefined, { rules: false, meshesWithNodeRules: [] }],
    ['no node', `- { ${from}, mesh: own }`, { rules: true, meshesWithNodeRules: [] }],
    ['a node', `- { ${from}, mesh: own, node: '{name}' }`, { rules: true, meshesWithNodeRules: ['own'] }],
  ] as const)
    test(`${what}: ${expected.meshesWithNodeRules.length} meshes with rules about node ids`, () => {
      assert.deepEqual(describe(text), expected);
    });
});
