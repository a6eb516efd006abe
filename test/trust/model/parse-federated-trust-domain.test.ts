import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFile } from '../../../src/trust/model/parse-file.ts';
import { createAnchorReader } from '../../../src/trust/x509/anchor-reader.ts';
import { bundleDocument, bundleKey, federatedText } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';

const reader = createAnchorReader();
const ca = makeCa();

function parse(value: unknown, federation = true) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const parsed = parseFile('a.yaml', text, { defaultMesh: 'default', reader, federation });
  assert.ok(parsed.kind === 'documents');
  return parsed;
}

const valid = {
  apiVersion: 'spire.spiffe.io/v1alpha1',
  kind: 'ClusterFederatedTrustDomain',
  metadata: { name: 'peer' },
  spec: {
    trustDomain: 'spire.test',
    bundleEndpointURL: 'https://spire.test:8443/bundle',
    bundleEndpointProfile: { type: 'https_spiffe', endpointSPIFFEID: 'spiffe://host.test/spire/server' },
  },
};
const withSpec = (spec: object): unknown => ({ ...valid, spec: { ...valid.spec, ...spec } });
const withProfile = (bundleEndpointProfile: unknown): unknown => withSpec({ bundleEndpointProfile });
const withId = (endpointSPIFFEID: unknown): unknown =>
  withProfile({ type: 'https_spiffe', endpointSPIFFEID });

const violations: Readonly<Record<string, readonly [document: unknown, findings: readonly string[]]>> = {
  'another version': [
    { ...valid, apiVersion: 'spire.spiffe.io/v1' },
    ["MT003 apiVersion: apiVersion must be 'spire.spiffe.io/v1alpha1'"],
  ],
  'no metadata, no spec': [
    { apiVersion: valid.apiVersion, kind: valid.kind },
    ['MT003 metadata: metadata is required', 'MT003 spec: spec is required'],
  ],
  'an empty spec: all violations': [
    { ...valid, spec: {} },
    [
      'MT003 spec.trustDomain: trustDomain is required',
      'MT003 spec.bundleEndpointURL: bundleEndpointURL is required',
      'MT003 spec.bundleEndpointProfile: bundleEndpointProfile is required',
    ],
  ],
  'a trust domain with its scheme': [
    withSpec({ trustDomain: 'spiffe://spire.test' }),
    ['MT008 spec.trustDomain: trustDomain must be the bare name, without spiffe://'],
  ],
  'the trust domain of the deny-all secret': [
    withSpec({ trustDomain: 'deny-all.invalid' }),
    [
      'MT008 spec.trustDomain: trustDomain must not be deny-all.invalid, which is reserved for the deny-all secret',
    ],
  ],
  http: [
    withSpec({ bundleEndpointURL: 'http://spire.test/' }),
    ['MT003 spec.bundleEndpointURL: bundleEndpointURL must begin with https://'],
  ],
  'user information': [
    withSpec({ bundleEndpointURL: 'https://user@spire.test/' }),
    ['MT003 spec.bundleEndpointURL: bundleEndpointURL must not have user information'],
  ],
  'no URL': [
    withSpec({ bundleEndpointURL: 'spire.test' }),
    ['MT003 spec.bundleEndpointURL: bundleEndpointURL must be a URL'],
  ],
  'an ID with https_web': [
    withProfile({ type: 'https_web', endpointSPIFFEID: 'spiffe://a/b' }),
    ['MT003 spec.bundleEndpointProfile.endpointSPIFFEID: endpointSPIFFEID must be absent with https_web'],
  ],
  'https_spiffe without an ID': [
    withProfile({ type: 'https_spiffe' }),
    ['MT003 spec.bundleEndpointProfile.endpointSPIFFEID: endpointSPIFFEID is required with https_spiffe'],
  ],
  'another profile': [
    withProfile({ type: 'http' }),
    ["MT003 spec.bundleEndpointProfile.type: type must be 'https_web' or 'https_spiffe'"],
  ],
  'an ID without a path': [
    withId('spiffe://host.test'),
    [
      "MT003 spec.bundleEndpointProfile.endpointSPIFFEID: endpointSPIFFEID must have a path of letters, digits, '.', '-' and '_' after its trust domain",
    ],
  ],
  'an ID with an upper case trust domain': [
    withId('spiffe://Host.test/a'),
    [
      'MT003 spec.bundleEndpointProfile.endpointSPIFFEID: endpointSPIFFEID has a trust domain that must be in lower case: Envoy compares names byte for byte',
    ],
  ],
  'an ID with dots as a segment': [
    withId('spiffe://host.test/a/../b'),
    [
      "MT003 spec.bundleEndpointProfile.endpointSPIFFEID: endpointSPIFFEID must not have '.' or '..' as a segment of its path",
    ],
  ],
  'a PEM bundle': [
    withSpec({ trustDomainBundle: ca.certPem }),
    ['MT003 spec.trustDomainBundle: trustDomainBundle must be a SPIFFE bundle (JSON), not PEM'],
  ],
  'a bundle that is not JSON': [
    withSpec({ trustDomainBundle: 'x' }),
    ['MT003 spec.trustDomainBundle: trustDomainBundle is not JSON, but must be a SPIFFE bundle'],
  ],
  'a bundle without a key': [
    withSpec({ trustDomainBundle: '{"keys":[]}' }),
    ['MT003 spec.trustDomainBundle: trustDomainBundle has no key for X.509-SVIDs'],
  ],
  'a bundle whose only key is damaged': [
    withSpec({ trustDomainBundle: JSON.stringify({ keys: [{ ...bundleKey(ca), x5c: ['!'] }] }) }),
    [
      'MT003 spec.trustDomainBundle: trustDomainBundle has no usable key for X.509-SVIDs: key 1 has a certificate that is not base64, but must be a SPIFFE bundle',
    ],
  ],
  'a mesh that is no name': [
    { ...valid, metadata: { name: 'peer', annotations: { 'meshtrust.io/meshes': 'a,,b' } } },
    [
      "MT003 metadata.annotations[\"meshtrust.io/meshes\"]: [\"meshtrust.io/meshes\"] must be at most 253 lower case letters, digits, '-', '_' or '.', and begin and end with a letter or digit",
    ],
  ],
};

test('ClusterFederatedTrustDomain: has all violations as findings, with their paths', async (t) => {
  for (const [name, [document, findings]] of Object.entries(violations))
    await t.test(name, () => {
      const { federated, remarks } = parse(document);
      assert.deepEqual(
        federated.map(({ kind }) => kind),
        ['invalid'],
      );
      assert.deepEqual(
        remarks.map(({ code, path, message }) => `${code} ${path}: ${message}`),
        findings,
      );
    });
});

test('ClusterFederatedTrustDomain: is read with its profile and its bundle', () => {
  const bundle = bundleDocument([ca], { sequence: 3 });
  const { federated, remarks } = parse(
    withSpec({ trustDomainBundle: JSON.stringify(bundle), className: 'c' }),
  );
  assert.deepEqual(remarks, []);
  const [first] = federated;
  assert.ok(first?.kind === 'federated');
  const { trustDomain, url, profile, bootstrap, className, meshes } = first.resource;
  assert.equal(trustDomain, 'spire.test');
  assert.equal(url, 'https://spire.test:8443/bundle');
  assert.deepEqual(profile, {
    kind: 'https_spiffe',
    id: 'spiffe://host.test/spire/server',
    trustDomain: 'host.test',
  });
  assert.equal(bootstrap?.certificates.length, 1);
  assert.equal(className, 'c');
  assert.deepEqual(meshes, ['default']);
});

test('a key of trustDomainBundle that is not usable: is a finding, and the others count', () => {
  const bundle = { keys: [{ ...bundleKey(ca), x5c: [] }, bundleKey(ca)] };
  const { federated, remarks } = parse(withSpec({ trustDomainBundle: JSON.stringify(bundle) }));
  assert.equal(federated[0]?.kind, 'federated');
  assert.deepEqual(
    remarks.map(({ code }) => code),
    ['MT084'],
  );
});

test('without --federation: the resource is a document of another kind, with a finding', () => {
  const text = federatedText({ trustDomain: 'spire.test', url: 'https://spire.test/' });
  const { federated, others, remarks } = parse(text, false);
  assert.deepEqual(federated, []);
  assert.deepEqual(
    others.map(({ label }) => label),
    ['ClusterFederatedTrustDomain'],
  );
  assert.deepEqual(
    remarks.map(({ code, severity }) => `${code} ${severity}`),
    ['MT082 info'],
  );
});

test('a kind of another API group: is not read', () => {
  const { federated, remarks } = parse({ ...valid, apiVersion: 'example.com/v1' });
  assert.deepEqual([federated, remarks], [[], []]);
});
