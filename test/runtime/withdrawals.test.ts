import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { mayWithdraw } from '../../src/runtime/withdrawals.ts';
import { createIdentityStage } from '../../src/trust/identity/identity-stage.ts';
import { createLedger } from '../../src/trust/ledger/ledger.ts';
import type { LedgerEvent } from '../../src/trust/ledger/ledger.ts';
import { defaultLimits } from '../../src/trust/model/limits.ts';
import { makeCaPems } from '../kit/certificates.ts';
import { bundled, identityText, inline, parseAll } from '../kit/mesh-identities.ts';
import { meshTrustYaml } from '../kit/mesh-trust-text.ts';

const path = 'a.yaml';
const [a, b] = makeCaPems('A', 'B');
const trust = (name: string, ...pems: readonly string[]): string =>
  meshTrustYaml({ name, trustDomain: 'a.test', pems });
const identity = identityText({ spec: bundled(inline(a), { trustDomain: 'own.test' }) });
const peer = 'kind: ConfigMap\nmetadata:\n  name: peer\n';
const join = (...texts: readonly string[]): string => texts.join('---\n');

const version = (text: string, settled = true): LedgerEvent => ({
  kind: 'version',
  path,
  settled,
  parsed: parseAll(path, text),
});

/** Returns the function that reads entries of a ledger to which the text was applied, with its derived MeshTrusts. */
function entriesAfter(text: string): Parameters<typeof mayWithdraw>[2] {
  const ledger = createLedger(['files'], { holdMs: 0 });
  const stage = createIdentityStage({
    zone: undefined,
    zones: [],
    linger: { kind: 'leaves' },
    limits: defaultLimits,
  });
  for (const [source, events] of stage.apply('files', [version(text)], 0))
    if (source === 'files') ledger.apply('files', events, 0);
  return (at) => ledger.entryOf('files', at);
}

suite('mayWithdraw', () => {
  const cases: readonly (readonly [
    situation: string,
    before: string,
    after: string | LedgerEvent,
    expected: boolean,
  ])[] = [
    ['same text', join(trust('x', a), identity, peer), join(trust('x', a), identity, peer), false],
    ['MeshTrust added', trust('x', a), join(trust('x', a), trust('y', b)), false],
    ['CA added', trust('x', a), trust('x', a, b), false],
    ['CA moved within the file', trust('x', a, b), join(trust('x', a), trust('y', b)), false],
    ['other document added', trust('x', a), join(trust('x', a), peer), false],
    ['MeshTrust removed', join(trust('x', a), trust('y', b)), trust('x', a), true],
    ['CA removed', trust('x', a, b), trust('x', a), true],
    ['trust domain changed', trust('x', a), trust('x', a).replace('a.test', 'b.test'), true],
    ['MeshIdentity removed', join(trust('x', b), identity), trust('x', b), true],
    ['MeshIdentity kept, MeshTrust added', identity, join(trust('x', b), identity), false],
    ['document of another kind removed', join(trust('x', a), peer), trust('x', a), true],
    ['not settled', join(trust('x', a), trust('y', b)), version(trust('x', a), false), false],
    ['refused', trust('x', a), 'kind: [', false],
    ['removal of the path', trust('x', a), { kind: 'gone', path, evidence: 'deletion' }, false],
  ];
  for (const [situation, before, after, expected] of cases)
    test(`${situation}: ${expected ? 'yes' : 'no'}, also before the ledger has the earlier version`, () => {
      const events = [typeof after === 'string' ? version(after) : after];
      assert.equal(mayWithdraw(events, [], entriesAfter(before)), expected);
      assert.equal(
        mayWithdraw(events, [version(before)], () => undefined),
        expected,
      );
    });

  test('nothing is known of the path: no', () => {
    assert.equal(
      mayWithdraw([version(trust('x', a))], [], () => undefined),
      false,
    );
  });
});
