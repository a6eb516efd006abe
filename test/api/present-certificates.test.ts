import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { presentCertificates } from '../../src/api/present-certificate-list.ts';
import { trustedDomains } from '../../src/cli/commands/verify-command.ts';
import { toPem } from '../kit/pem.ts';
import { anchorOf, domainOf, meshOf } from '../admin/states.ts';

suite('the certificates of a mesh', () => {
  test('certificates: are those that proxies get, by trust domain', () => {
    const listed = anchorOf({ name: 'B', rooting: 're-rooted', issuer: 'Root' });
    const bundle = { ...domainOf('a.test', []), anchors: [{ ...listed, der: Buffer.from('self-issued') }] };
    const state = meshOf([bundle, domainOf('b.test', [{ name: 'C' }])]);
    const { name, version, trustDomains } = presentCertificates(state);
    assert.deepEqual([name, version], ['default', state.secrets.version]);
    assert.deepEqual(
      trustDomains.map((domain) => domain.name),
      ['a.test', 'b.test'],
    );
    const [anchor] = trustDomains[0]?.anchors ?? [];
    assert.equal(anchor?.fingerprint, listed.certificate.fingerprint);
    assert.equal(anchor.rooting, 're-rooted');
    assert.equal(anchor.pem, toPem(Buffer.from('self-issued')));
  });

  test('CA of another zone or of a peer: has its origin, and one of this zone has none', () => {
    const anchors = (['local', 'imported', 'federated'] as const).map((origin, index) => ({
      ...anchorOf({ name: `${index}` }),
      origin,
    }));
    const state = meshOf([{ ...domainOf('a.test', []), anchors }]);
    assert.deepEqual(
      presentCertificates(state).trustDomains[0]?.anchors.map((anchor) => [
        'origin' in anchor,
        anchor.origin,
      ]),
      [
        [false, undefined],
        [true, 'imported'],
        [true, 'federated'],
      ],
    );
  });

  test('secret of all trust domains is full: certificates outside of it are marked', () => {
    const [whole, cut, out] = [
      domainOf('a.test', [{ name: 'A' }]),
      domainOf('b.test', [{ name: 'B' }, { name: 'C' }]),
      domainOf('c.test', [{ name: 'D' }]),
    ];
    const kept = domainOf('b.test', [{ name: 'C' }]);
    const { trustDomains } = presentCertificates(meshOf([whole, cut, out], [whole, kept]));
    assert.deepEqual(
      trustDomains.map(({ inJointSecret }) => inJointSecret),
      [undefined, [kept.anchors[0]?.certificate.fingerprint], []],
    );
  });

  test('intermediate whose issuer does not fit into the secret of all: both of its forms', () => {
    const issuer = anchorOf({ name: 'Root' });
    const listed = anchorOf({ name: 'B', issuer: 'Root' });
    const whole = { ...domainOf('a.test', []), anchors: [issuer, listed] };
    const rerooted = { ...listed, rooting: 're-rooted' as const, der: Buffer.from('self-issued') };
    const kept = { ...whole, anchors: [rerooted] };
    const [domain] = presentCertificates(meshOf([whole], [kept])).trustDomains;
    assert.deepEqual(
      domain?.anchors.map(({ rooting }) => rooting),
      ['as-listed', 'as-listed'],
    );
    const [joint, ...others] = domain.jointAnchors ?? [];
    assert.deepEqual(others, []);
    assert.equal(joint?.rooting, 're-rooted');
    assert.equal(joint.pem, toPem(Buffer.from('self-issued')));
    const [trusted] = trustedDomains({ name: 'default', version: '', trustDomains: [domain] });
    assert.deepEqual(
      trusted?.anchors.map(({ rooting, der }) => [rooting, Buffer.from(der).toString()]),
      [['re-rooted', 'self-issued']],
    );
  });

  test('server of an earlier version, which has only the fingerprints: those certificates count', () => {
    const whole = domainOf('a.test', [{ name: 'A' }, { name: 'B' }]);
    const kept = domainOf('a.test', [{ name: 'B' }]);
    const left = domainOf('b.test', [{ name: 'C' }]);
    const { trustDomains } = presentCertificates(meshOf([whole, left], [kept]));
    const earlier = trustDomains.map((domain) => ({ ...domain, jointAnchors: undefined }));
    const trusted = trustedDomains({ name: 'default', version: '', trustDomains: earlier });
    assert.deepEqual(
      trusted.map(({ name, anchors }) => [name, anchors.map(({ fingerprint }) => fingerprint)]),
      [['a.test', [kept.anchors[0]?.certificate.fingerprint]]],
    );
  });

  test('nothing trusted: no certificates', () => {
    assert.deepEqual(presentCertificates(meshOf([])).trustDomains, []);
  });
});
