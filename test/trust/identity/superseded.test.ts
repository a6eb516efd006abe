import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { decodeLastGood, encodeLastGood } from '../../../src/runtime/state/last-good-document.ts';
import { stateKeyOf } from '../../../src/runtime/state/state-key.ts';
import type { Linger } from '../../../src/trust/identity/superseded.ts';
import type { LedgerEvent } from '../../../src/trust/ledger/ledger.ts';
import type { Identity } from '../../../src/trust/model/mesh-trust.ts';
import { makeCa } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { reader } from '../../kit/resources.ts';
import {
  bundled,
  hour,
  identityText,
  inline,
  makeRig,
  parseAll,
  secretText,
} from '../../kit/mesh-identities.ts';
import type { Rig } from '../../kit/mesh-identities.ts';

const a = makeCa({ commonName: 'A' });
const b = makeCa({ commonName: 'B' });
const skew = 10_000;
const path = 'identity.yaml';
const identity = 'default//identity' as Identity;

function text(
  pem: string,
  { expiry = '24h', ...parts }: { expiry?: string; trustDomain?: string; name?: string } = {},
): string {
  const { name, ...rest } = parts;
  const certificate = inline(pem);
  const spec = bundled(certificate, {
    ...rest,
    bundled: { ca: { certificate }, certificateParameters: { expiry } },
  });
  return identityText(name === undefined ? { spec } : { name, spec });
}

const spire = identityText({ spec: { provider: { type: 'Spire' } } });
const broken = identityText({ spec: { provider: {} } });

/** A replaced CA has this end, with leaves of 24 h. */
const end = 1000 + 24 * hour + skew;

function assertEnds(rig: Rig, at: number, before: readonly string[], after: readonly string[]): void {
  assert.equal(rig.stage.nextEnd(), at);
  rig.tick(at - 1);
  assert.deepEqual(rig.inForce(), before);
  rig.tick(at);
  assert.deepEqual(rig.inForce(), after);
  assert.equal(rig.stage.nextEnd(), undefined);
  assert.deepEqual(rig.codes(), []);
}

/** Returns the grants of a path as a restarted program reads them from its state directory. */
function saved(rig: Rig, source: string, at: string): ReturnType<Rig['grantsOf']> {
  const key = stateKeyOf(Buffer.alloc(32));
  const text = encodeLastGood({ source, path: at, grants: rig.grantsOf(source, at) }, key);
  return decodeLastGood(text, reader, key).grants;
}

suite('CA certificates that a MeshIdentity no longer has', () => {
  test('the CA is replaced: the new one at once, the old one until its leaves have ended', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem) });
    rig.apply({ [path]: text(b.certPem) }, 1000);
    assert.deepEqual(rig.codes(), ['MT076']);
    assert.match(rig.messages()[0] ?? '', /CN=A .* stays trusted until 1970-01-02T00:00:11Z$/);
    assertEnds(rig, end, ['default/a.example: A B'], ['default/a.example: B']);
  });

  test('a version that is not settled: supersedes nothing yet', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem) });
    rig.apply({ [path]: text(b.certPem) }, 1000, false);
    assert.deepEqual(rig.inForce(), ['default/a.example: A B']);
    assert.equal(rig.stage.nextEnd(), undefined);
    rig.apply({ [path]: text(b.certPem) }, 2000);
    assert.equal(rig.stage.nextEnd(), 2000 + 24 * hour + skew);
  });

  test('versions with different lifetimes of leaves: the longest counts, of all versions with the CA', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem, { expiry: '24h' }) });
    rig.apply({ [path]: text(a.certPem, { expiry: '1h' }) });
    rig.apply({ [path]: text(b.certPem, { expiry: '1h' }) }, 1000);
    assert.equal(rig.stage.nextEnd(), end);
  });

  test('the leaves of the new CA live longer: their lifetime does not count', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem, { expiry: '24h' }) });
    rig.apply({ [path]: text(b.certPem, { expiry: '48h' }) }, 1000);
    assert.equal(rig.stage.nextEnd(), end);
  });

  test('no lifetime is given: five days', () => {
    const rig = makeRig();
    rig.apply({ [path]: identityText({ spec: bundled(inline(a.certPem)) }) });
    rig.apply({ [path]: text(b.certPem) }, 1000);
    assert.equal(rig.stage.nextEnd(), 1000 + 120 * hour + skew);
  });

  test('the trust domain changes: the old one keeps its CA', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem) });
    rig.apply({ [path]: text(a.certPem, { trustDomain: 'b.example' }) }, 1000);
    assertEnds(rig, end, ['default/a.example: A', 'default/b.example: A'], ['default/b.example: A']);
  });

  test('one of several CAs is replaced, whichever it is: it alone lingers', () => {
    const c = makeCa({ commonName: 'C' });
    for (const [next, old] of [
      [b.certPem + c.certPem, 'A'],
      [a.certPem + c.certPem, 'B'],
    ] as const) {
      const rig = makeRig();
      rig.apply({ [path]: text(a.certPem + b.certPem) });
      rig.apply({ [path]: text(next) }, 1000);
      assert.deepEqual(rig.inForce(), ['default/a.example: A B C']);
      const [view] = rig.stage.view();
      assert.deepEqual(
        view?.superseded.map(({ anchor }) => anchor.certificate.subject),
        [`CN=${old}`],
      );
    }
  });

  test('the text of a CA changes, but not the certificate, and neither does its order: nothing lingers', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem + b.certPem) });
    rig.apply({ [path]: text(`# comment\n${b.certPem}\n\n${a.certPem}`) }, 1000);
    assert.deepEqual([rig.inForce(), rig.codes()], [['default/a.example: A B'], []]);
  });

  test('the file is absent after an empty listing: the guard holds it first, then its CA lingers', () => {
    for (const linger of [{ kind: 'leaves' }, { kind: 'fixed', ms: 0 }] as const) {
      const rig = makeRig({ linger });
      rig.apply({ [path]: text(a.certPem) });
      rig.deliver('files', [{ kind: 'gone', path, evidence: 'absence' }], 1000);
      const lingers = linger.kind === 'leaves';
      assert.deepEqual(rig.inForce(), ['default/a.example: A']);
      assert.deepEqual(rig.codes(), lingers ? ['MT042', 'MT076'] : ['MT042']);
      rig.tick(31_001);
      assert.deepEqual(rig.inForce(), lingers ? ['default/a.example: A'] : []);
      assert.deepEqual(rig.codes(), lingers ? ['MT076'] : []);
      rig.tick(end);
      assert.deepEqual(rig.inForce(), []);
    }
  });

  for (const [name, next] of [
    ['the file is deleted', undefined],
    ['the provider is SPIRE now', spire],
    ['it has no spec now', identityText({})],
    ['it has no provider now', identityText({ spec: {} })],
    [
      'the provider is an extension now',
      identityText({ spec: { provider: { type: 'Extension', extension: { name: 'vault' } } } }),
    ],
    ['the provider is of another product now', identityText({ spec: { provider: { type: 'Vault' } } })],
    [
      'meshTrustCreation is Disabled now',
      identityText({ spec: bundled(inline(a.certPem), { bundled: { meshTrustCreation: 'Disabled' } }) }),
    ],
    ['another document is in the file now', text(b.certPem, { name: 'other', trustDomain: 'b.example' })],
  ] as const)
    test(`${name}: the CA stays until its leaves have ended`, () => {
      const rig = makeRig();
      rig.apply({ [path]: text(a.certPem) });
      rig.apply({ [path]: next }, 1000);
      assert.ok(rig.inForce().includes('default/a.example: A'));
      assert.equal(rig.stage.nextEnd(), end);
      rig.tick(end);
      assert.equal(rig.inForce().includes('default/a.example: A'), false);
    });

  test('the resource is broken: the last good version stays, without an end', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem) });
    rig.apply({ [path]: broken }, 1000);
    assert.deepEqual(rig.inForce(), ['default/a.example: A']);
    assert.deepEqual(rig.codes(), ['MT003', 'MT040']);
    assert.equal(rig.stage.nextEnd(), undefined);
    rig.apply({ [path]: text(b.certPem) }, 1000);
    assert.equal(rig.stage.nextEnd(), end);
  });

  test('the name is broken: what the file gave stays, without an end', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem) });
    rig.apply({ [path]: text(b.certPem, { name: 'A B' }) }, 1000);
    assert.deepEqual(rig.inForce(), ['default/a.example: A']);
    assert.equal(rig.stage.nextEnd(), undefined);
  });

  test('the file cannot be parsed: the last good version stays, without an end', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem) });
    rig.apply({ [path]: '{' }, 1000);
    assert.deepEqual(rig.inForce(), ['default/a.example: A']);
    assert.equal(rig.stage.nextEnd(), undefined);
  });

  test('the Secret of the CA is replaced: the new CA at once, the old one lingers', () => {
    const rig = makeRig();
    const spec = bundled({ type: 'Secret', secretRef: { kind: 'Secret', name: 'ca' } });
    rig.apply({ [path]: identityText({ spec }), 's.yaml': secretText('ca', a.certPem) });
    rig.apply({ 's.yaml': secretText('ca', b.certPem) }, 1000);
    assert.deepEqual(rig.inForce(), ['default/a.example: A B']);
    assert.equal(rig.stage.nextEnd(), 1000 + 120 * hour + skew);
  });

  test('the Secret of the CA is gone or broken: the CA stays, without an end', () => {
    for (const next of [undefined, secretText('ca', 'text')]) {
      const rig = makeRig();
      const spec = bundled({ type: 'Secret', secretRef: { kind: 'Secret', name: 'ca' } });
      rig.apply({ [path]: identityText({ spec }), 's.yaml': secretText('ca', a.certPem) });
      rig.apply({ 's.yaml': next }, 1000);
      assert.deepEqual(rig.inForce(), ['default/a.example: A']);
      assert.deepEqual(rig.codes(), ['MT040', 'MT071']);
      assert.equal(rig.stage.nextEnd(), undefined);
    }
  });

  for (const [name, text] of [
    ['cannot be parsed', '{'],
    ['is empty', ''],
  ] as const)
    test(`the file ${name}, then the Secret of the CA is replaced: the last good version stays, and the error`, () => {
      const rig = makeRig();
      const spec = bundled({ type: 'Secret', secretRef: { kind: 'Secret', name: 'ca' } });
      rig.apply({ [path]: identityText({ spec }), 's.yaml': secretText('ca', a.certPem) });
      rig.apply({ [path]: text }, 1000);
      const errors = rig.codes();
      rig.apply({ 's.yaml': secretText('ca', b.certPem) }, 2000);
      assert.deepEqual(rig.inForce(), ['default/a.example: A']);
      assert.deepEqual(rig.codes(), errors);
      rig.apply({ [path]: identityText({ spec }) }, 3000);
      assert.deepEqual(rig.inForce(), ['default/a.example: A B']);
      assert.deepEqual(rig.codes(), ['MT076']);
    });

  test('the file cannot be read, then the Secret of the CA is replaced: the last good version stays, and the error', () => {
    const rig = makeRig();
    const spec = bundled({ type: 'Secret', secretRef: { kind: 'Secret', name: 'ca' } });
    rig.apply({ [path]: identityText({ spec }), 's.yaml': secretText('ca', a.certPem) });
    rig.deliver('files', [{ kind: 'unreadable', path, reason: 'permission denied' }], 1000);
    rig.apply({ 's.yaml': secretText('ca', b.certPem) }, 2000);
    assert.deepEqual(rig.inForce(), ['default/a.example: A']);
    assert.deepEqual(rig.codes(), ['MT001', 'MT040']);
  });

  test('two Secrets of one name: the first by path counts, in any order', () => {
    const spec = bundled({ type: 'Secret', secretRef: { kind: 'Secret', name: 'ca' } });
    const files = { 'a.yaml': secretText('ca', a.certPem), 'b.yaml': secretText('ca', b.certPem) };
    for (const order of [Object.entries(files), Object.entries(files).toReversed()]) {
      const rig = makeRig();
      for (const [file, content] of order) rig.apply({ [file]: content });
      rig.apply({ [path]: identityText({ spec }) });
      assert.deepEqual(rig.inForce(), ['default/a.example: A']);
    }
  });

  /** A MeshIdentity whose CA is in a Secret, and a MeshTrust of its name. */
  const ofSecret = identityText({
    spec: bundled({ type: 'Secret', secretRef: { kind: 'Secret', name: 'ca' } }),
  });
  const generated = identityText({
    spec: {
      spiffeID: { trustDomain: 'a.example' },
      provider: {
        type: 'Bundled',
        bundled: { insecureAllowSelfSigned: true, autogenerate: { enabled: true } },
      },
    },
  });
  const published = (...pems: readonly string[]): string =>
    meshTrustYaml({ name: 'identity', trustDomain: 'a.example', pems });

  test('Kuma publishes the generated CA that was known from its Secret: nothing lingers', () => {
    const rig = makeRig();
    rig.apply({ [path]: generated, 's.yaml': secretText('identity-root-ca', a.certPem) });
    rig.apply({ 't.yaml': published(a.certPem) }, 1000);
    assert.deepEqual([rig.inForce(), rig.codes()], [['default/a.example: A'], []]);
    assert.equal(rig.stage.nextEnd(), undefined);
  });

  test('Kuma publishes another CA than the known one: the known one lingers', () => {
    const rig = makeRig();
    rig.apply({ [path]: generated, 's.yaml': secretText('identity-root-ca', a.certPem) });
    rig.apply({ 't.yaml': published(b.certPem) }, 1000);
    assert.deepEqual(rig.codes(), ['MT076']);
    assertEnds(rig, 1000 + 120 * hour + skew, ['default/a.example: A B'], ['default/a.example: B']);
  });

  for (const [name, next] of [
    ['is gone', undefined],
    ['is broken', secretText('ca', 'text')],
  ] as const)
    test(`the Secret of the CA ${name}, and a MeshTrust has another CA: both stay, without an end`, () => {
      for (const isRestarted of [false, true]) {
        const before = makeRig();
        before.apply({
          [path]: ofSecret,
          's.yaml': secretText('ca', a.certPem),
          't.yaml': published(b.certPem),
        });
        const rig = isRestarted ? makeRig() : before;
        if (isRestarted) {
          rig.deliver('files', [{ kind: 'restored', path, grants: saved(before, 'files', path) }], 500);
          rig.apply({ 't.yaml': published(b.certPem) }, 1000);
          rig.apply({ [path]: ofSecret }, 1000);
        }
        rig.apply({ 's.yaml': next }, 1000);
        assert.deepEqual(rig.inForce(), ['default/a.example: A B'], String(isRestarted));
        assert.deepEqual(rig.codes(), ['MT040', 'MT071']);
        assert.equal(rig.stage.nextEnd(), undefined);
        rig.apply({ 's.yaml': secretText('ca', a.certPem) }, 2000);
        assert.deepEqual([rig.inForce(), rig.codes()], [['default/a.example: A B'], []]);
      }
    });

  test('the Secret of the CA is gone, and the MeshTrust has it: nothing is reported', () => {
    const rig = makeRig();
    rig.apply({ [path]: ofSecret, 's.yaml': secretText('ca', a.certPem), 't.yaml': published(a.certPem) });
    rig.apply({ 's.yaml': undefined }, 1000);
    assert.deepEqual([rig.inForce(), rig.codes()], [['default/a.example: A'], []]);
  });

  test('the CA is in another place now, which only Kuma reads: the old one lingers', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem), 't.yaml': published(b.certPem) });
    rig.apply({ [path]: ofSecret }, 1000);
    assertEnds(rig, end, ['default/a.example: A B'], ['default/a.example: B']);
  });

  test('a Secret or MeshTrust that may be incomplete: supersedes nothing until it is settled', () => {
    for (const [first, next] of [
      [ofSecret, { 's.yaml': secretText('ca', a.certPem) }],
      [generated, { 't.yaml': published(a.certPem) }],
    ] as const) {
      const rig = makeRig({ linger: { kind: 'fixed', ms: 0 } });
      const both = a.certPem + b.certPem;
      rig.apply({
        [path]: first,
        's.yaml': secretText(first === ofSecret ? 'ca' : 'identity-root-ca', both),
      });
      rig.apply(next, 1000, false);
      assert.deepEqual(rig.inForce(), ['default/a.example: A B']);
      rig.apply(next, 1000);
      assert.deepEqual(rig.inForce(), ['default/a.example: A']);
    }
  });

  test('the CA comes back, its leaves are shorter now, and it is replaced again: the earlier leaves count', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem, { expiry: '24h' }) });
    rig.apply({ [path]: text(b.certPem, { expiry: '24h' }) }, 1000);
    rig.apply({ [path]: text(a.certPem, { expiry: '1h' }) }, 2000);
    rig.apply({ [path]: text(b.certPem, { expiry: '1h' }) }, 3000);
    assertEnds(rig, end, ['default/a.example: A B'], ['default/a.example: B']);
  });

  test('the CA comes back, but not in time: its earlier leaves have ended', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem, { expiry: '24h' }) });
    rig.apply({ [path]: text(b.certPem, { expiry: '1h' }) }, 1000);
    rig.apply({ [path]: text(a.certPem, { expiry: '1h' }) }, 2000);
    rig.apply({ [path]: text(b.certPem, { expiry: '1h' }) }, end + 1000);
    assert.equal(rig.stage.nextEnd(), end + 1000 + hour + skew);
  });

  test('the CA comes back: it has no end any more', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem) });
    rig.apply({ [path]: text(b.certPem) }, 1000);
    rig.apply({ [path]: text(a.certPem) }, 2000);
    assertEnds(rig, 2000 + 24 * hour + skew, ['default/a.example: A B'], ['default/a.example: A']);
  });

  test('the resource moves to another file in one batch: nothing lingers', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem) });
    rig.apply({ [path]: undefined, 'moved.yaml': text(a.certPem) }, 1000);
    assert.deepEqual(rig.inForce(), ['default/a.example: A']);
    assert.deepEqual(rig.codes(), []);
  });

  test('two ends: each CA at its own', () => {
    const rig = makeRig();
    const c = makeCa({ commonName: 'C' });
    rig.apply({ [path]: text(a.certPem, { expiry: '24h' }) });
    rig.apply({ [path]: text(b.certPem, { expiry: '1h' }) }, 1000);
    rig.apply({ [path]: text(c.certPem) }, 2000);
    assert.equal(rig.stage.nextEnd(), 2000 + hour + skew);
    rig.tick(2000 + hour + skew);
    assert.deepEqual(rig.inForce(), ['default/a.example: A C']);
    assertEnds(rig, end, ['default/a.example: A C'], ['default/a.example: C']);
  });

  test('a fixed time: that one', () => {
    const rig = makeRig({ linger: { kind: 'fixed', ms: 60_000 } });
    rig.apply({ [path]: text(a.certPem) });
    rig.apply({ [path]: text(b.certPem) }, 1000);
    assertEnds(rig, 61_000, ['default/a.example: A B'], ['default/a.example: B']);
  });

  test('no time: the old CA goes at once', () => {
    const rig = makeRig({ linger: { kind: 'fixed', ms: 0 } });
    rig.apply({ [path]: text(a.certPem) });
    rig.apply({ [path]: text(b.certPem) }, 1000);
    assert.deepEqual(rig.inForce(), ['default/a.example: B']);
  });

  test('forever: without an end, until it is released', () => {
    const rig = makeRig({ linger: { kind: 'forever' } });
    rig.apply({ [path]: text(a.certPem) });
    rig.apply({ [path]: text(b.certPem) }, 1000);
    assert.equal(rig.stage.nextEnd(), undefined);
    rig.tick(Number.MAX_SAFE_INTEGER);
    assert.deepEqual(rig.inForce(), ['default/a.example: A B']);
    assert.equal(rig.stage.release('default//other' as Identity).released, 0);
    const { events, released } = rig.stage.release(identity);
    assert.equal(released, 1);
    assert.deepEqual([...events.keys()], ['superseded']);
  });

  test('after a restart: the end is the same, and a change made meanwhile is noticed', () => {
    const before = makeRig();
    before.apply({ [path]: text(a.certPem) });
    before.apply({ [path]: text(b.certPem, { expiry: '48h' }) }, 1000);
    const after = makeRig();
    const c = makeCa({ commonName: 'C' });
    for (const [source, at] of [
      ['superseded', 'superseded:default//identity'],
      ['files', path],
    ] as const)
      after.deliver(source, [{ kind: 'restored', path: at, grants: saved(before, source, at) }], 2000);
    assert.equal(after.stage.nextEnd(), end);
    const changed: LedgerEvent = {
      kind: 'version',
      path,
      settled: true,
      parsed: parseAll(path, text(c.certPem)),
    };
    after.deliver('superseded', [{ kind: 'synced' }], 3000);
    after.deliver('files', [changed, { kind: 'synced' }], 3000);
    assert.deepEqual(after.inForce(), ['default/a.example: A B C']);
    after.tick(end);
    assert.deepEqual(after.inForce(), ['default/a.example: B C']);
    assertEnds(after, 3000 + 48 * hour + skew, ['default/a.example: B C'], ['default/a.example: C']);
  });

  test('deleted while the program was not running: the CA stays until its leaves have ended', () => {
    const before = makeRig();
    before.apply({ [path]: text(a.certPem) });
    const after = makeRig();
    const grants = saved(before, 'files', path);
    after.deliver('files', [{ kind: 'restored', path, grants }], 500);
    after.deliver('files', [{ kind: 'synced' }], 1000);
    assert.deepEqual(after.inForce(), ['default/a.example: A']);
    assert.equal(after.stage.nextEnd(), end);
  });

  test('ended while the program was not running: it is not restored', () => {
    const before = makeRig();
    before.apply({ [path]: text(a.certPem) });
    before.apply({ [path]: text(b.certPem) }, 1000);
    const at = 'superseded:default//identity';
    const after = makeRig();
    after.deliver(
      'superseded',
      [{ kind: 'restored', path: at, grants: saved(before, 'superseded', at) }],
      end,
    );
    assert.deepEqual(after.inForce(), []);
  });

  /** Replaces a CA, and returns what a restart needs of the earlier one. */
  const superseded = (linger: Linger) => {
    const before = makeRig({ linger });
    before.apply({ [path]: text(a.certPem) });
    before.apply({ [path]: text(b.certPem) }, 1000);
    const at = 'superseded:default//identity';
    return { before, at, grants: saved(before, 'superseded', at) };
  };
  const restarted: readonly (readonly [string, Linger, Linger, number | undefined])[] = [
    [
      'a fixed time: it ends after that time at the latest',
      { kind: 'leaves' },
      { kind: 'fixed', ms: 60_000 },
      62_000,
    ],
    ['a longer time: the end is the same', { kind: 'leaves' }, { kind: 'fixed', ms: 720 * hour }, end],
    ['forever: the end is the same', { kind: 'leaves' }, { kind: 'forever' }, end],
    [
      'a fixed time, and it had no end: it has one',
      { kind: 'forever' },
      { kind: 'fixed', ms: 60_000 },
      62_000,
    ],
    ['the default, and it had no end: it ends with its leaves', { kind: 'forever' }, { kind: 'leaves' }, end],
    ['forever again: it has no end', { kind: 'forever' }, { kind: 'forever' }, undefined],
    ['none: it ends at once', { kind: 'leaves' }, { kind: 'fixed', ms: 0 }, undefined],
  ];
  for (const [name, first, second, expected] of restarted)
    test(`restarted with ${name}`, () => {
      const { at, grants } = superseded(first);
      const after = makeRig({ linger: second });
      after.deliver('superseded', [{ kind: 'restored', path: at, grants }], 2000);
      assert.equal(after.stage.nextEnd(), expected);
      const isOver = expected === undefined && second.kind !== 'forever';
      assert.deepEqual(after.inForce(), isOver ? [] : ['default/a.example: A']);
    });

  test('restarted with the default once its leaves have ended: a CA without an end is not restored', () => {
    const { before, at, grants } = superseded({ kind: 'forever' });
    const after = makeRig();
    after.deliver('superseded', [{ kind: 'restored', path: at, grants }], end);
    assert.deepEqual(after.inForce(), []);
    assert.deepEqual(before.inForce(), ['default/a.example: A B']);
  });

  test('restarted twice, forever and then with the default: the end of the leaves is kept', () => {
    const { at, grants } = superseded({ kind: 'forever' });
    const between = makeRig({ linger: { kind: 'forever' } });
    between.deliver('superseded', [{ kind: 'restored', path: at, grants }], 2000);
    const after = makeRig();
    after.deliver(
      'superseded',
      [{ kind: 'restored', path: at, grants: saved(between, 'superseded', at) }],
      3000,
    );
    assert.equal(after.stage.nextEnd(), end);
  });

  test('restarted with the default, and an earlier version kept no end of the leaves: five days from now', () => {
    const { at, grants } = superseded({ kind: 'forever' });
    const old = grants.map((grant) => ({
      ...grant,
      resource: { ...grant.resource, derivation: { kind: 'superseded', until: undefined } as const },
    }));
    const after = makeRig();
    after.deliver('superseded', [{ kind: 'restored', path: at, grants: old }], 2000);
    assert.equal(after.stage.nextEnd(), 2000 + 120 * hour + skew);
  });

  test('a MeshIdentity is gone: the view has it, with its CA', () => {
    const rig = makeRig();
    rig.apply({ [path]: text(a.certPem) });
    rig.apply({ [path]: undefined }, 1000);
    const [view] = rig.stage.view();
    assert.equal(view?.outcome, 'gone');
    assert.equal(view.path, path);
    assert.equal(view.superseded[0]?.until, end);
  });
});
