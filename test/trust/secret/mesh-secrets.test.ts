import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { joinMesh } from '../../../src/trust/bundle/join-mesh.ts';
import type { MeshBundle } from '../../../src/trust/bundle/join-mesh.ts';
import type { TrustBundle } from '../../../src/trust/bundle/trust-bundle.ts';
import { encodeSecret, partOf, secretContent } from '../../../src/trust/secret/encode-secret.ts';
import { denyAllCa } from '../../../src/trust/secret/deny-all-ca.ts';
import { denyAllSecret, meshSecrets } from '../../../src/trust/secret/mesh-secrets.ts';
import type { MeshSecrets, SecretOptions } from '../../../src/trust/secret/mesh-secrets.ts';
import { bundleOf, noPolicy, shareOf } from '../../kit/bundles.ts';
import { makeCa } from '../../kit/certificates.ts';
import { decodeSecret } from '../../kit/decode-secret.ts';

const [rootA, rootB] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
const a = bundleOf([shareOf('a.test', [rootA])]);
const b = bundleOf([shareOf('b.test', [rootB])]);
const none = bundleOf([shareOf('none.test', [rootA])], {
  policy: { ...noPolicy, distrusted: new Set([a.anchors[0]?.certificate.fingerprint ?? '']) },
});

function meshOf(bundles: readonly TrustBundle[]): MeshBundle {
  return joinMesh({ mesh: 'default', bundles, restrict: (bundle) => bundle });
}

function decoded(secrets: MeshSecrets, name: string): ReturnType<typeof decodeSecret> {
  return decodeSecret(secrets.secrets.get(name)?.body ?? assert.fail(`no secret ${name}`));
}

const secretsOf = (bundles: readonly TrustBundle[], options?: SecretOptions) =>
  meshSecrets(meshOf(bundles), options);

suite('mesh without a CA in force', () => {
  const codes = (bundles: readonly TrustBundle[]): readonly string[] =>
    secretsOf(bundles).findings.map(({ code, severity, mesh }) => `${code} ${severity} ${mesh}`);

  test('no trust domain → an error', () => assert.deepEqual(codes([]), ['MT034 error default']));
  test('every CA of its trust domains is distrusted → an error', () =>
    assert.deepEqual(codes([none]), ['MT034 error default']));
  test('one trust domain has a CA → no finding', () => assert.deepEqual(codes([none, a]), []));
});

suite('meshSecrets', () => {
  test('names: two for all trust domains, and one for each trust domain', () => {
    assert.deepEqual(
      [...secretsOf([b, a]).secrets.keys()],
      ['system_trust_bundle', 'ALL', 'spiffe://a.test', 'spiffe://b.test'],
    );
  });

  test('content: the SPIFFE validator with the trust domains by name and canonical PEM', () => {
    const expected = {
      validatorName: 'envoy.tls.cert_validator.spiffe',
      validatorType:
        'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig',
    };
    const [domainA, domainB] = [
      { name: 'a.test', pem: rootA.certPem },
      { name: 'b.test', pem: rootB.certPem },
    ];
    const secrets = secretsOf([b, a]);
    for (const name of ['system_trust_bundle', 'ALL']) {
      assert.deepEqual(decoded(secrets, name), { name, ...expected, trustDomains: [domainA, domainB] });
    }
    assert.deepEqual(decoded(secrets, 'spiffe://b.test'), {
      name: 'spiffe://b.test',
      ...expected,
      trustDomains: [domainB],
    });
  });

  test('root trust domain → it is also the secret ROOTCA', () => {
    assert.deepEqual(decoded(secretsOf([a, b], { rootTrustDomain: 'b.test' }), 'ROOTCA').trustDomains, [
      { name: 'b.test', pem: rootB.certPem },
    ]);
    assert.equal(secretsOf([a, b]).secrets.has('ROOTCA'), false);
  });

  test('no CA → every secret has the deny-all CA, whose private key does not exist', () => {
    const denyAll = [{ name: 'deny-all.invalid', pem: denyAllCa.pem }];
    for (const bundles of [[], [none]]) {
      const secrets = secretsOf(bundles);
      assert.equal(secrets.denyAll, true);
      for (const name of secrets.secrets.keys())
        assert.deepEqual(decoded(secrets, name).trustDomains, denyAll, name);
    }
    const known = ['system_trust_bundle', 'ALL', 'spiffe://nobody.test'];
    for (const name of known)
      assert.deepEqual(decodeSecret(denyAllSecret(name)?.body ?? assert.fail()).trustDomains, denyAll);
  });

  test('trust domain without anchors → not in the merged secret, and denied in its own', () => {
    const secrets = secretsOf([a, none]);
    assert.equal(secrets.denyAll, false);
    assert.deepEqual(
      decoded(secrets, 'system_trust_bundle').trustDomains.map(({ name }) => name),
      ['a.test'],
    );
    assert.deepEqual(
      decoded(secrets, 'spiffe://none.test').trustDomains.map(({ name }) => name),
      ['deny-all.invalid'],
    );
  });

  test('any other name → no secret', () => {
    for (const name of [
      '',
      'x',
      'ROOTCA',
      'spiffe://',
      'spiffe://A.test',
      'spiffe://a.test/ns',
      'spiffe://deny-all.invalid',
    ]) {
      assert.equal(denyAllSecret(name), undefined, name);
    }
    assert.ok(denyAllSecret('ROOTCA', { rootTrustDomain: 'a.test' }));
  });

  test('version: the same for the same bytes, and different for different bytes', () => {
    const again = bundleOf([shareOf('a.test', [rootA], 'other')]);
    const [one, two] = [secretsOf([a, b]), secretsOf([b, again])];
    for (const [name, secret] of one.secrets) {
      assert.equal(two.secrets.get(name)?.version, secret.version);
      assert.deepEqual(two.secrets.get(name)?.body, secret.body);
    }
    const versions = new Set([...one.secrets.values()].map(({ version }) => version));
    assert.equal(versions.size, one.secrets.size);
    assert.notEqual(secretsOf([a]).version, one.version);
    assert.equal(two.version, one.version);
  });

  test('trust domain left out of the merged secret: a change of its own secret → another version of the mesh', () => {
    const changed = bundleOf([shareOf('b.test', [rootB, rootA])]);
    const [before, after] = [b, changed].map((left) =>
      meshSecrets({ mesh: 'default', bundles: [a, left], merged: [a], findings: [] }),
    );
    const versionOf = (name: string) =>
      [before, after].map((secrets) => secrets?.secrets.get(name)?.version ?? assert.fail());
    assert.equal(...(versionOf('ALL') as [string, string]));
    assert.notEqual(...(versionOf('spiffe://b.test') as [string, string]));
    assert.notEqual(before?.version, after?.version);
  });

  test('unchanged trust domain → its part is reused', () => {
    assert.equal(partOf(a), partOf(a));
    const [before, after] = [secretsOf([a, b]), secretsOf([a])];
    assert.equal(before.secrets.get('spiffe://a.test'), after.secrets.get('spiffe://a.test'));
  });

  test('body: encoded once, on first access', () => {
    const secret = encodeSecret('ALL', secretContent([partOf(a)]));
    assert.equal(secret.body, secret.body);
  });

  test('body of a deny-all secret: encoded at each access, because streams keep such secrets', () => {
    const secret = denyAllSecret('spiffe://nobody.test') ?? assert.fail();
    assert.notEqual(secret.body, secret.body);
    assert.deepEqual(secret.body, encodeSecret('spiffe://nobody.test', secretContent([])).body);
    assert.equal(secret.version, encodeSecret('spiffe://nobody.test', secretContent([])).version);
  });

  test('secret above 1 MiB → a warning', () => {
    const part = partOf(a);
    const anchor = a.anchors[0] ?? assert.fail();
    const many = Math.ceil((1024 * 1024) / (part.bytes.length - 20)) + 1;
    const large: TrustBundle = { ...a, anchors: Array.from({ length: many }, () => anchor) };
    const { findings } = secretsOf([large]);
    assert.deepEqual(
      findings.map(({ code, trustDomain }) => [code, trustDomain]),
      [
        ['MT030', undefined],
        ['MT030', 'a.test'],
      ],
    );
    assert.deepEqual(secretsOf([a]).findings, []);
  });
});
