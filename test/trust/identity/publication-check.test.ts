import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createPublicationCheck } from '../../../src/trust/identity/publication-check.ts';
import { createIdentityStage } from '../../../src/trust/identity/identity-stage.ts';
import { createLedger } from '../../../src/trust/ledger/ledger.ts';
import { defaultLimits } from '../../../src/trust/model/limits.ts';
import { codes } from '../../kit/ledger.ts';
import { makeCa } from '../../kit/certificates.ts';
import { bundled, identityText, inline, parseAll } from '../../kit/mesh-identities.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';

const [a, b] = [makeCa({ commonName: 'A' }).certPem, makeCa({ commonName: 'B' }).certPem];
const identity = (pem: string): string => identityText({ spec: bundled(inline(pem)) });
const generatedSpec = {
  spiffeID: { trustDomain: 'a.example' },
  provider: {
    type: 'Bundled',
    bundled: { insecureAllowSelfSigned: true, autogenerate: { enabled: true } },
  },
};
const generated = identityText({ spec: generatedSpec });
const published = (...pems: readonly string[]): string =>
  meshTrustYaml({ name: 'identity', trustDomain: 'a.example', pems });

function makeCheck() {
  const stage = createIdentityStage({
    zone: undefined,
    zones: [],
    linger: { kind: 'leaves' },
    limits: defaultLimits,
    awaitsPublication: true,
  });
  const ledger = createLedger(['kubernetes', 'superseded'], { holdMs: 0 });
  const check = createPublicationCheck();
  return {
    put(path: string, text: string, now: number): void {
      const event = { kind: 'version', path, settled: true, parsed: parseAll(path, text) } as const;
      for (const [to, events] of stage.apply('kubernetes', [event], now)) ledger.apply(to, events, now);
    },
    /** Returns the findings, with the subjects of the CA certificates that are not published. */
    at(now: number): readonly string[] {
      check.update(stage.view(), ledger.view().holdings, now);
      return check.findings().map(({ code, message }) => `${code} ${/CN=\w+/.exec(message)?.[0] ?? ''}`);
    },
    codes: () => codes(ledger),
    remove(path: string, now: number): void {
      const event = { kind: 'gone', path, evidence: 'deletion' } as const;
      for (const [to, events] of stage.apply('kubernetes', [event], now)) ledger.apply(to, events, now);
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

  suite('a CA that Kuma generates', () => {
    const trustPath = 'kubernetes:kuma-system/identity';

    test('no MeshTrust of it: reported after 30 s, and resolved by the MeshTrust', () => {
      const rig = makeCheck();
      rig.put(path, generated, 5);
      assert.deepEqual([rig.at(5), rig.due(), rig.codes()], [[], 30_005, []]);
      assert.deepEqual([rig.at(30_004), rig.due()], [[], 30_005]);
      assert.deepEqual([rig.at(30_005), rig.due()], [['MT071 '], undefined]);
      rig.put(trustPath, published(a), 40_000);
      assert.deepEqual([rig.at(40_000), rig.due(), rig.codes()], [[], undefined, []]);
    });

    test('Kuma makes its MeshTrust within 30 s: nothing is reported', () => {
      const rig = makeCheck();
      rig.put(path, generated, 0);
      rig.at(0);
      rig.put(trustPath, published(a), 5000);
      assert.deepEqual([rig.at(5000), rig.due()], [[], undefined]);
      assert.deepEqual([rig.at(30_000), rig.codes()], [[], []]);
    });

    test('the MeshIdentity changes meanwhile: the time does not begin again', () => {
      const rig = makeCheck();
      rig.put(path, generated, 0);
      rig.at(0);
      rig.put(path, generated.replace('"name"', '"labels":{"a":"b"},"name"'), 20_000);
      rig.at(20_000);
      assert.deepEqual(rig.at(30_000), ['MT071 ']);
    });

    test('the CA was in the MeshIdentity before: stays in force, and the finding comes after 30 s', () => {
      const rig = makeCheck();
      rig.put(path, identity(a), 0);
      rig.put(path, generated, 60_000);
      assert.deepEqual([rig.at(60_000), rig.codes()], [[], ['MT040']]);
      assert.deepEqual([rig.at(90_000), rig.codes()], [['MT071 ', 'MT078 CN=A'], ['MT040']]);
    });

    test('deleted before: nothing is reported', () => {
      const rig = makeCheck();
      rig.put(path, generated, 0);
      rig.at(0);
      rig.remove(path, 10_000);
      assert.deepEqual([rig.at(10_000), rig.due()], [[], undefined]);
    });

    test('Kuma reports that it cannot use the provider, or the certificate is elsewhere: at once', () => {
      const rig = makeCheck();
      const failure = { type: 'Provider', status: 'False', reason: 'ProviderInitializationError' };
      rig.put(path, identityText({ spec: generatedSpec, more: { status: { conditions: [failure] } } }), 0);
      assert.deepEqual([rig.at(0), rig.due(), rig.codes()], [[], undefined, ['MT071']]);
      rig.put(path, identityText({ spec: bundled({ type: 'EnvVar', envVar: { name: 'CA' } }) }), 0);
      assert.deepEqual([rig.at(0), rig.due(), rig.codes()], [[], undefined, ['MT071']]);
    });

    test('a MeshIdentity in a file: at once, because no control plane will publish it', () => {
      const rig = makeCheck();
      rig.put('identity.yaml', generated, 0);
      assert.deepEqual([rig.at(0), rig.due(), rig.codes()], [[], undefined, ['MT071']]);
    });
  });

  test('a MeshIdentity in a file: nothing', () => {
    const rig = makeCheck();
    rig.put('identity.yaml', identity(a), 0);
    rig.at(0);
    assert.deepEqual([rig.at(30_000), rig.due()], [[], undefined]);
  });
});
