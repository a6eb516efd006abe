import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { caFileDocument, identityFilesSource } from '../../../src/trust/identity/ca-files.ts';
import type { LedgerEvent } from '../../../src/trust/ledger/ledger.ts';
import type { IdentityStageOptions } from '../../../src/trust/identity/identity-stage.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { bundled, identityText, inline, makeRig, parseAll, secretText } from '../../kit/mesh-identities.ts';

const ca = makeCa({ commonName: 'A' });
const other = makeCa({ commonName: 'B' });
const intermediate = makeIntermediate(ca, { commonName: 'I' });
const leaf = makeLeaf(ca);

const usable = inline(ca.certPem);
const secretRef = (name: string): unknown => ({ type: 'Secret', secretRef: { kind: 'Secret', name } });
const autogenerate = (allowed = true): unknown => ({
  spiffeID: { trustDomain: 'a.example' },
  provider: {
    type: 'Bundled',
    bundled: { insecureAllowSelfSigned: allowed, autogenerate: { enabled: true } },
  },
});

interface Case {
  readonly name: string;
  readonly spec?: unknown;
  readonly more?: Readonly<Record<string, unknown>>;
  readonly mesh?: string;
  /** Other files beside the one with the MeshIdentity. */
  readonly files?: Readonly<Record<string, string>>;
  readonly options?: Partial<IdentityStageOptions>;
  /** The spec of an earlier version. What it gave stays in force, because the row gives nothing that is certain. */
  readonly before?: unknown;
  readonly inForce: readonly string[];
  readonly codes: readonly string[];
  /** The result if the other files come after the MeshIdentity, where another CA of it stays in force. */
  readonly afterwards?: Pick<Case, 'inForce' | 'codes'>;
}

const one = ['default/a.example: A'];
const fromCa = (certificate: unknown, bundle: Readonly<Record<string, unknown>> = {}): unknown =>
  bundled(certificate, { bundled: { ca: { certificate }, ...bundle } });

/** The spec of an earlier version, with another CA than those of the rows. */
const given = bundled(inline(other.certPem));
const givenInForce = 'default/a.example: B';

const rows: readonly Case[] = [
  { name: 'a CA in the resource: is derived', spec: bundled(usable), inForce: one, codes: [] },
  // Invalid resources
  { name: 'no type of provider', spec: { provider: {} }, inForce: [], before: given, codes: ['MT003'] },
  { name: 'provider is a text', spec: { provider: 'Bundled' }, inForce: [], before: given, codes: ['MT003'] },
  { name: 'spec is a list', spec: [], inForce: [], before: given, codes: ['MT003'] },
  {
    name: 'Bundled without bundled',
    spec: { provider: { type: 'Bundled' } },
    inForce: [],
    before: given,
    codes: ['MT003'],
  },
  {
    name: 'unknown meshTrustCreation',
    spec: bundled(usable, { bundled: { meshTrustCreation: 'Maybe' } }),
    inForce: [],
    before: given,
    codes: ['MT003'],
  },
  {
    name: 'ca and autogenerate',
    spec: bundled(usable, { bundled: { autogenerate: { enabled: true } } }),
    inForce: [],
    before: given,
    codes: ['MT003'],
  },
  {
    name: 'neither ca nor autogenerate',
    spec: { provider: { type: 'Bundled', bundled: { autogenerate: { enabled: false } } } },
    inForce: [],
    before: given,
    codes: ['MT003'],
  },
  { name: 'no certificate', spec: bundled(undefined), inForce: [], before: given, codes: ['MT003'] },
  {
    name: 'unknown data source',
    spec: bundled({ type: 'Vault' }),
    inForce: [],
    before: given,
    codes: ['MT003'],
  },
  { name: 'empty text of a CA', spec: bundled(inline('')), inForce: [], before: given, codes: ['MT003'] },
  {
    name: 'negative expiry',
    spec: bundled(usable, { bundled: { certificateParameters: { expiry: '-1h' } } }),
    inForce: [],
    before: given,
    codes: ['MT003'],
  },
  {
    name: 'expiry is no duration',
    spec: bundled(usable, { bundled: { certificateParameters: { expiry: '1d' } } }),
    inForce: [],
    before: given,
    codes: ['MT003'],
  },
  {
    name: 'a name with a blank',
    spec: bundled(usable),
    more: { name: 'a b' },
    inForce: [],
    before: given,
    codes: ['MT003'],
  },
  // The private key
  {
    name: 'a private key in the resource: is reported, and changes nothing',
    spec: bundled(usable, { privateKey: inline('key') }),
    inForce: one,
    codes: ['MT075'],
  },
  {
    name: 'certificate and key in one Secret: is not read',
    spec: bundled(secretRef('both'), { privateKey: secretRef('both') }),
    files: { 's.yaml': secretText('both', ca.certPem) },
    inForce: [],
    before: given,
    codes: ['MT071'],
  },
  {
    name: 'certificate and key in one file: is not read',
    spec: bundled(
      { type: 'File', file: { path: '/a' } },
      { privateKey: { type: 'File', file: { path: '/a' } } },
    ),
    inForce: [],
    before: given,
    codes: ['MT071'],
  },
  // Resources that give no trust
  { name: 'no spec: SPIFFE IDs only', inForce: [], codes: ['MT070'] },
  { name: 'no provider: SPIFFE IDs only', spec: {}, inForce: [], codes: ['MT070'] },
  { name: 'SPIRE', spec: { provider: { type: 'Spire' } }, inForce: [], codes: ['MT070'] },
  {
    name: 'an extension',
    spec: { provider: { type: 'Extension', extension: { name: 'vault', config: { token: 'x' } } } },
    inForce: [],
    codes: ['MT070'],
  },
  {
    name: 'a provider of another product',
    spec: { provider: { type: 'Vault' } },
    inForce: [],
    codes: ['MT070'],
  },
  {
    name: 'meshTrustCreation is Disabled',
    spec: bundled(usable, { bundled: { meshTrustCreation: 'Disabled' } }),
    inForce: [],
    codes: ['MT070'],
  },
  {
    name: 'a selector without labels: has no effect',
    spec: { selector: {}, ...(bundled(usable) as object) },
    inForce: one,
    codes: [],
  },
  // The verdict of Kuma
  {
    name: 'Kuma cannot use the provider: nothing is derived',
    spec: bundled(usable),
    more: {
      status: { conditions: [{ type: 'Provider', status: 'False', reason: 'ProviderInitializationError' }] },
    },
    inForce: [],
    before: given,
    codes: ['MT071'],
  },
  {
    name: 'another condition is False: is derived',
    spec: bundled(usable),
    more: { status: { conditions: [{ type: 'Ready', status: 'False', reason: 'Failure' }] } },
    inForce: one,
    codes: [],
  },
  {
    name: 'Kuma fixed another trust domain: that one, with a warning',
    spec: bundled(usable),
    more: { status: { trustDomain: 'old.example' } },
    inForce: ['default/old.example: A'],
    codes: ['MT077'],
  },
  {
    name: 'Kuma fixed the same trust domain: no warning',
    spec: bundled(usable),
    more: { status: { trustDomain: 'a.example' } },
    inForce: one,
    codes: [],
  },
  {
    name: 'Kuma fixed the trust domain of a template that is not understood: that one',
    spec: bundled(usable, { trustDomain: '{{ upper .Mesh }}' }),
    more: { status: { trustDomain: 'old.example' } },
    inForce: ['default/old.example: A'],
    codes: [],
  },
  {
    name: 'the fixed trust domain is not a name: nothing is derived',
    spec: bundled(usable),
    more: { status: { trustDomain: 'A/b' } },
    inForce: [],
    before: given,
    codes: ['MT008'],
  },
  // The template
  {
    name: 'a template that is not understood',
    spec: bundled(usable, { trustDomain: '{{ upper .Mesh }}' }),
    inForce: [],
    before: given,
    codes: ['MT072'],
  },
  {
    name: 'the zone is not known: no guess',
    spec: bundled(usable, { trustDomain: '{{ .Mesh }}.{{ .Zone }}.x' }),
    inForce: [],
    before: given,
    codes: ['MT073'],
  },
  {
    name: 'the zone is in a label, which wins over --zone',
    spec: bundled(usable, { trustDomain: '{{ .Mesh }}.{{ .Zone }}.x' }),
    more: { labels: { 'kuma.io/zone': 'east' } },
    options: { zone: 'west' },
    inForce: ['default/default.east.x: A'],
    codes: [],
  },
  {
    name: 'the zone is that of --zone',
    spec: bundled(usable, { trustDomain: '{{ .Mesh }}.{{ .Zone }}.x' }),
    options: { zone: 'west' },
    inForce: ['default/default.west.x: A'],
    codes: [],
  },
  {
    name: 'no template: the default one',
    spec: {
      provider: { type: 'Bundled', bundled: { insecureAllowSelfSigned: true, ca: { certificate: usable } } },
    },
    options: { zone: 'west' },
    inForce: ['default/default.west.mesh.local: A'],
    codes: [],
  },
  {
    name: 'an empty template: no default',
    spec: bundled(usable, { trustDomain: '' }),
    inForce: [],
    before: given,
    codes: ['MT008'],
  },
  {
    name: 'a template gives upper case',
    spec: bundled(usable, { trustDomain: '{{ label "team" }}.x' }),
    more: { labels: { team: 'Pay' } },
    inForce: [],
    before: given,
    codes: ['MT008'],
  },
  {
    name: 'several zones: a trust domain in each',
    spec: bundled(usable, { trustDomain: '{{ .Zone }}.x' }),
    options: { zones: ['east', 'west'] },
    inForce: ['default/east.x: A', 'default/west.x: A'],
    codes: [],
  },
  {
    name: 'several zones, and the resource is of one: its own',
    spec: bundled(usable, { trustDomain: '{{ .Zone }}.x' }),
    more: { labels: { 'kuma.io/zone': 'north' } },
    options: { zones: ['east', 'west'] },
    inForce: ['default/north.x: A'],
    codes: [],
  },
  {
    name: 'several zones, and the template does not use the zone: one',
    spec: bundled(usable),
    options: { zones: ['east', 'west'] },
    inForce: one,
    codes: [],
  },
  // Autogenerated CAs
  {
    name: 'autogenerate without insecureAllowSelfSigned',
    spec: autogenerate(false),
    inForce: [],
    before: given,
    codes: ['MT074'],
  },
  {
    name: 'autogenerate, and no CA certificate is known',
    spec: autogenerate(),
    inForce: [],
    before: given,
    codes: ['MT071'],
  },
  {
    name: 'autogenerate, and the Secret of its CA is there',
    spec: autogenerate(),
    files: { 's.yaml': secretText('identity-root-ca', ca.certPem) },
    inForce: one,
    codes: [],
  },
  {
    name: 'autogenerate, and a MeshTrust of its name: the MeshTrust alone',
    spec: autogenerate(),
    files: {
      's.yaml': secretText('identity-root-ca', other.certPem),
      't.yaml': meshTrustYaml({ name: 'identity', trustDomain: 'a.example', pems: [ca.certPem] }),
    },
    inForce: one,
    codes: [],
    afterwards: { inForce: ['default/a.example: A B'], codes: ['MT076'] },
  },
  {
    name: 'autogenerate, and a MeshTrust with another trust domain: a warning',
    spec: autogenerate(),
    files: { 't.yaml': meshTrustYaml({ name: 'identity', trustDomain: 'b.example', pems: [ca.certPem] }) },
    inForce: ['default/b.example: A'],
    codes: ['MT077'],
  },
  {
    name: 'autogenerate, and a MeshTrust of its KRI',
    spec: autogenerate(),
    files: {
      't.yaml': `${meshTrustYaml({ name: 'copy', trustDomain: 'a.example', pems: [ca.certPem] })}status: { origin: { kri: kri_mid_default___identity_ } }\n`,
    },
    inForce: one,
    codes: [],
  },
  {
    name: 'autogenerate, and a MeshTrust of its KRI in another mesh: is not its',
    spec: autogenerate(),
    files: {
      't.yaml': `${meshTrustYaml({ name: 'copy', mesh: 'b', trustDomain: 'a.example', pems: [ca.certPem] })}status: { origin: { kri: kri_mid_default___identity_ } }\n`,
    },
    inForce: ['b/a.example: A'],
    before: given,
    codes: ['MT071'],
  },
  {
    name: 'autogenerate, and a MeshTrust of its name in another mesh: is not its',
    spec: autogenerate(),
    files: {
      't.yaml': meshTrustYaml({ name: 'identity', mesh: 'b', trustDomain: 'a.example', pems: [ca.certPem] }),
    },
    inForce: ['b/a.example: A'],
    before: given,
    codes: ['MT071'],
  },
  // Where the certificate is
  {
    name: 'a Secret in another file',
    spec: bundled(secretRef('ca')),
    files: { 's.yaml': secretText('ca', ca.certPem) },
    inForce: one,
    codes: [],
  },
  {
    name: 'a Secret that is absent',
    spec: bundled(secretRef('ca')),
    inForce: [],
    before: given,
    codes: ['MT071'],
  },
  {
    name: 'a Secret of another mesh',
    spec: bundled(secretRef('ca')),
    files: { 's.yaml': secretText('ca', ca.certPem, 'b') },
    inForce: [],
    before: given,
    codes: ['MT071'],
  },
  {
    name: 'a Secret with a private key beside the certificate: is not read',
    spec: bundled(secretRef('ca')),
    files: { 's.yaml': secretText('ca', ca.certPem + ca.keyPem) },
    inForce: [],
    before: given,
    codes: ['MT071'],
  },
  {
    name: 'a Kubernetes Secret of the type of Kuma',
    spec: bundled(secretRef('ca')),
    files: { 's.yaml': kubernetesSecret('system.kuma.io/secret') },
    inForce: one,
    codes: [],
  },
  {
    name: 'a Kubernetes Secret of another type',
    spec: bundled(secretRef('ca')),
    files: { 's.yaml': kubernetesSecret('Opaque') },
    inForce: [],
    before: given,
    codes: ['MT071'],
  },
  {
    name: 'a Kubernetes Secret without the label of the mesh: is of the default mesh',
    spec: bundled(secretRef('ca')),
    files: { 's.yaml': kubernetesSecret('system.kuma.io/secret', { labels: {} }) },
    inForce: one,
    codes: [],
  },
  {
    name: 'a Kubernetes Secret without the key value',
    spec: bundled(secretRef('ca')),
    files: { 's.yaml': kubernetesSecret('system.kuma.io/secret', { key: 'ca.crt' }) },
    inForce: [],
    before: given,
    codes: ['MT071'],
  },
  {
    name: 'a Secret that is absent, and the MeshTrust that Kuma made: the MeshTrust',
    spec: bundled(secretRef('ca')),
    files: { 't.yaml': meshTrustYaml({ name: 'identity', trustDomain: 'a.example', pems: [ca.certPem] }) },
    inForce: one,
    codes: [],
  },
  {
    name: 'a file that is not read here, and the MeshTrust that Kuma made: the MeshTrust',
    spec: bundled({ type: 'File', file: { path: '/etc/ca.pem' } }),
    files: { 't.yaml': meshTrustYaml({ name: 'identity', trustDomain: 'a.example', pems: [ca.certPem] }) },
    inForce: one,
    codes: [],
  },
  {
    name: 'certificate and key in one Secret, and the MeshTrust that Kuma made: the MeshTrust',
    spec: bundled(secretRef('both'), { privateKey: secretRef('both') }),
    files: { 't.yaml': meshTrustYaml({ name: 'identity', trustDomain: 'a.example', pems: [ca.certPem] }) },
    inForce: one,
    codes: [],
  },
  {
    name: 'a file that is not read here',
    spec: bundled({ type: 'File', file: { path: '/etc/ca.pem' } }),
    inForce: [],
    before: given,
    codes: ['MT071'],
  },
  {
    name: 'an environment variable: is never read',
    spec: bundled({ type: 'EnvVar', envVar: { name: 'HOME' } }),
    inForce: [],
    before: given,
    codes: ['MT071'],
  },
  {
    name: 'an environment variable, and the MeshTrust that Kuma made: the MeshTrust',
    spec: bundled({ type: 'EnvVar', envVar: { name: 'HOME' } }),
    files: { 't.yaml': meshTrustYaml({ name: 'identity', trustDomain: 'a.example', pems: [ca.certPem] }) },
    inForce: one,
    codes: [],
  },
  // The certificates
  {
    name: 'a self-signed CA that is not allowed',
    spec: bundled(usable, { bundled: { insecureAllowSelfSigned: false } }),
    inForce: [],
    before: given,
    codes: ['MT074'],
  },
  {
    name: 'an intermediate before its self-signed root: is allowed, as in Kuma',
    spec: fromCa(inline(intermediate.certPem + ca.certPem), { insecureAllowSelfSigned: false }),
    inForce: ['default/a.example: A I'],
    codes: [],
  },
  {
    name: 'no CA certificate',
    spec: bundled(inline(leaf.certPem)),
    inForce: [],
    before: given,
    codes: ['MT005', 'MT015'],
  },
  {
    name: 'a CA certificate beside a leaf: the CA is served',
    spec: bundled(inline(ca.certPem + leaf.certPem)),
    inForce: one,
    codes: ['MT015'],
  },
  // Several resources
  {
    name: 'a MeshTrust of the same name with another CA: both',
    spec: bundled(usable),
    files: { 't.yaml': meshTrustYaml({ name: 'identity', trustDomain: 'a.example', pems: [other.certPem] }) },
    inForce: ['default/a.example: A B'],
    codes: [],
  },
  {
    name: 'a MeshTrust of the same name with the same CA: once',
    spec: bundled(usable),
    files: { 't.yaml': meshTrustYaml({ name: 'identity', trustDomain: 'a.example', pems: [ca.certPem] }) },
    inForce: one,
    codes: [],
  },
  {
    name: 'two MeshIdentities of one trust domain: both',
    spec: bundled(usable),
    files: { 'b.yaml': identityText({ name: 'second', spec: bundled(inline(other.certPem)) }) },
    inForce: ['default/a.example: A B'],
    codes: [],
  },
  {
    name: 'one MeshIdentity in two files: the first by path',
    spec: bundled(usable),
    files: { 'z.yaml': identityText({ spec: bundled(inline(other.certPem)) }) },
    inForce: one,
    codes: ['MT004'],
  },
];

/** The rows, with the outcome in the name of each. */
const cases = rows.map((row) => {
  const { name, inForce, codes } = row;
  return name.includes(': ') ? row : { ...row, name: `${name}: ${[...inForce, ...codes].join(', ')}` };
});

function kubernetesSecret(
  type: string,
  parts: {
    readonly namespace?: string | undefined;
    readonly labels?: Readonly<Record<string, string>>;
    readonly key?: string;
    readonly pem?: string;
  } = {},
): string {
  const { labels = { 'kuma.io/mesh': 'default' }, key = 'value', pem = ca.certPem } = parts;
  const namespace = 'namespace' in parts ? parts.namespace : 'kuma-system';
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    type,
    metadata: { name: 'ca', namespace, labels },
    data: { [key]: Buffer.from(pem).toString('base64') },
  });
}

suite('trust of a MeshIdentity', () => {
  for (const { name, files = {}, options, inForce, codes, ...parts } of cases)
    test(name, () => {
      const rig = makeRig(options);
      rig.apply({ 'identity.yaml': identityText(parts), ...files });
      assert.deepEqual(rig.inForce(), inForce);
      assert.deepEqual(rig.codes(), codes);
    });

  for (const { name, files = {}, options, inForce, codes, ...parts } of cases.filter(({ files }) => files))
    test(`${name}; the other files come first, and each alone`, () => {
      const rig = makeRig(options);
      for (const [path, text] of Object.entries(files)) rig.apply({ [path]: text });
      rig.apply({ 'identity.yaml': identityText(parts) });
      assert.deepEqual(rig.inForce(), inForce);
      assert.deepEqual(rig.codes(), codes);
    });

  for (const { name, files = {}, options, afterwards, ...parts } of cases.filter(({ files }) => files))
    test(`${name}; the other files come afterwards, and each alone`, () => {
      const { inForce, codes } = afterwards ?? parts;
      const rig = makeRig(options);
      rig.apply({ 'identity.yaml': identityText(parts) });
      for (const [path, text] of Object.entries(files)) rig.apply({ [path]: text });
      assert.deepEqual(rig.inForce(), inForce);
      assert.deepEqual(rig.codes(), codes);
    });

  for (const { name, files = {}, options, before, inForce, codes, ...parts } of cases)
    if (before !== undefined)
      test(`${name}; an earlier version gave a CA: it stays in force, without an end`, () => {
        const rig = makeRig(options);
        rig.apply({ 'identity.yaml': identityText({ spec: before }) });
        assert.deepEqual([rig.inForce(), rig.codes()], [[givenInForce], []]);
        rig.apply({ 'identity.yaml': identityText(parts), ...files }, 1000);
        const kept = [...inForce, givenInForce].sort();
        assert.deepEqual(rig.inForce(), kept);
        assert.deepEqual(rig.codes(), [...codes, 'MT040'].sort());
        assert.equal(rig.stage.nextEnd(), undefined);
        rig.tick(Number.MAX_SAFE_INTEGER);
        assert.deepEqual(rig.inForce(), kept);
      });

  test('the Kubernetes form: label of the mesh, namespace, display name in the KRI', () => {
    const rig = makeRig({ zone: 'zone-1' });
    rig.apply({
      'identity.yaml': JSON.stringify({
        apiVersion: 'kuma.io/v1alpha1',
        kind: 'MeshIdentity',
        metadata: {
          name: 'identity-fx89fx8cww447z7x',
          namespace: 'kuma-system',
          labels: { 'kuma.io/mesh': 'payments', 'kuma.io/zone': 'east' },
          annotations: { 'kuma.io/display-name': 'identity' },
        },
        spec: bundled(usable),
      }),
    });
    assert.deepEqual(rig.inForce(), ['payments/a.example: A']);
    const [view] = rig.stage.view();
    assert.equal(view?.kri, 'kri_mid_payments_east_kuma-system_identity_');
    assert.equal(view?.identity, 'payments/kuma-system/identity-fx89fx8cww447z7x');
    assert.equal(view?.resources[0]?.originKri, view?.kri);
  });

  for (const [name, namespaces, inForce] of [
    ['its own namespace: is read', ['kuma-system'], ['default/a.example: kuma-system']],
    ['another namespace: is not read, as in Kuma', ['a-team'], []],
    ['no namespace: is read', [undefined], ['default/a.example: undefined']],
    [
      'several: that in its own is read',
      ['a-team', undefined, 'kuma-system'],
      ['default/a.example: kuma-system'],
    ],
  ] as const)
    test(`the Kubernetes form, and a Secret in ${name}`, () => {
      const rig = makeRig();
      const files = namespaces.map((namespace): [string, string] => [
        `${String(namespace)}.yaml`,
        kubernetesSecret('system.kuma.io/secret', {
          namespace,
          pem: makeCa({ commonName: String(namespace) }).certPem,
        }),
      ]);
      const identity = {
        apiVersion: 'kuma.io/v1alpha1',
        kind: 'MeshIdentity',
        metadata: { name: 'identity', namespace: 'kuma-system' },
        spec: bundled(secretRef('ca')),
      };
      rig.apply({ 'identity.yaml': JSON.stringify(identity), ...Object.fromEntries(files) });
      assert.deepEqual(rig.inForce(), inForce);
      assert.deepEqual(rig.codes(), inForce.length === 0 ? ['MT071'] : []);
    });

  test('a private key, an environment variable or the configuration of an extension: no finding quotes it', () => {
    const marker = 'c2VjcmV0LW1hcmtlcg';
    const rig = makeRig();
    rig.apply({
      'a.yaml': identityText({ spec: bundled(usable, { privateKey: inline(marker) }) }),
      'b.yaml': identityText({
        name: 'b',
        spec: { provider: { type: 'Extension', extension: { name: 'x', config: { token: marker } } } },
      }),
      'c.yaml': identityText({ name: 'c', spec: bundled({ type: 'EnvVar', envVar: { name: marker } }) }),
      'd.yaml': identityText({ name: 'd', spec: { provider: { type: marker } } }),
    });
    assert.equal(JSON.stringify([rig.messages(), rig.stage.view()]).includes(marker), false);
  });
});

suite('CA certificates in files', () => {
  const spec = bundled({ type: 'File', file: { path: '/ca/ca.pem' } });
  const version = (path: string, text: string): LedgerEvent => ({
    kind: 'version',
    path,
    settled: true,
    parsed: parseAll(path, text),
  });

  test('a file that is read: its certificates, and the next ones when it changes', () => {
    const rig = makeRig();
    rig.apply({ 'i.yaml': identityText({ spec }) });
    assert.deepEqual([rig.inForce(), rig.codes()], [[], ['MT071']]);
    const document = (pem: string) => version('identity-file:/ca/ca.pem', caFileDocument('/ca/ca.pem', pem));
    rig.deliver(identityFilesSource, [document(ca.certPem)], 0);
    assert.deepEqual([rig.inForce(), rig.codes()], [one, []]);
    rig.deliver(
      identityFilesSource,
      [{ kind: 'unreadable', path: 'identity-file:/ca/ca.pem', reason: 'permission denied' }],
      0,
    );
    assert.deepEqual([rig.inForce(), rig.codes()], [one, ['MT001']]);
    rig.deliver(identityFilesSource, [document(other.certPem)], 0);
    assert.deepEqual(rig.codes(), ['MT076'], 'the replaced CA lingers');
  });

  test('a document of another source with the name of a file: is not taken for it', () => {
    const rig = makeRig();
    rig.apply({ 'i.yaml': identityText({ spec }), 's.yaml': caFileDocument('/ca/ca.pem', ca.certPem) });
    assert.deepEqual([rig.inForce(), rig.codes()], [[], ['MT071']]);
  });
});
