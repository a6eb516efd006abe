import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createPublicationCheck } from '../../../src/trust/identity/publication-check.ts';
import { createIdentityStage } from '../../../src/trust/identity/identity-stage.ts';
import { createLedger } from '../../../src/trust/ledger/ledger.ts';
import { defaultLimits } from '../../../src/trust/model/limits.ts';
import { makeCa } from '../../kit/certificates.ts';
import { bundled, identityText, inline, parseAll } from '../../kit/mesh-identities.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';

const [a, b] = [makeCa({ commonName: 'A' }).certPem, makeCa({ commonName: 'B' }).certPem];
const identity = (pem: string): string => identityText({ spec: bundled(inline(pem)) });
const published = (...pems: readonly string[]): string =>
  meshTrustYaml({ name: 'identity', trustDomain: 'a.example', pems });

function makeCheck() {
  const stage = createIdentityStage({
    zone: undefined,
    zones: [],
    linger: { kind: 'leaves' },
    limits: defaultLimits,
  });
  const ledger = createLedger(['kubernetes', 'superseded'], { holdMs: 0 });
  const check = createPublicationCheck();
  return {
    put(path: string, text: string, now: number): void {
      const event = { kind: 'version', path, settled: true, parsed: parseAll(path, text) } as const;
      for (const [to, events] of stage.apply('kubernetes', [event], now)) ledger.apply(to, events, now);
    },
    /** Returns the subjects of the CA certificates that are not published. */
    at(now: number): readonly string[] {
      check.update(stage.view(), ledger.view().holdings, now);
      return check.findings().map(({ code, message }) => `${code} ${/CN=\w+/.exec(message)?.[0] ?? ''}`);
    },
    due: () => check.nextDue(),
  };
}

suite('CA certificates that Kuma has not published', () => {
  const path = 'kubernetes:meshidentity:kuma-system/identity';

  test('a MeshIdentity of the cluster without a MeshTrust: reported after 30 s', () => {
    const rig = makeCheck();
    rig.put(path, identity(a), 0);
    assert.deepEqual([rig.at(0), rig.due()], [[], 30_000]);
    assert.deepEqual([rig.at(29_999), rig.due()], [[], 30_000]);
    assert.deepEqual([rig.at(30_000), rig.due()], [['MT078 CN=A'], undefined]);
  });

  test('a MeshTrust with the CA: nothing, and a reported one is resolved', () => {
    const rig = makeCheck();
    rig.put(path, identity(a), 0);
    rig.at(0);
    assert.deepEqual(rig.at(30_000), ['MT078 CN=A']);
    rig.put('kubernetes:kuma-system/identity', published(a), 40_000);
    assert.deepEqual([rig.at(40_000), rig.due()], [[], undefined]);
  });

  test('the CA is replaced, and Kuma has published only the earlier one: the new one, counted from its own start', () => {
    const rig = makeCheck();
    rig.put(path, identity(a), 0);
    rig.put('kubernetes:kuma-system/identity', published(a), 0);
    rig.at(0);
    rig.put(path, identity(b), 100_000);
    assert.deepEqual([rig.at(100_000), rig.due()], [[], 130_000]);
    assert.deepEqual(rig.at(130_000), ['MT078 CN=B']);
    rig.put('kubernetes:kuma-system/identity', published(a, b), 131_000);
    assert.deepEqual(rig.at(131_000), []);
  });

  test('a MeshIdentity in a file: nothing', () => {
    const rig = makeCheck();
    rig.put('identity.yaml', identity(a), 0);
    rig.at(0);
    assert.deepEqual([rig.at(30_000), rig.due()], [[], undefined]);
  });
});
