import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRelationshipCollector } from '../../../src/trust/federation/collect-relationships.ts';
import type { CollectOptions } from '../../../src/trust/federation/collect-relationships.ts';
import { isPublished } from '../../../src/trust/federation/publication-rule.ts';
import type { LedgerEvent } from '../../../src/trust/ledger/ledger.ts';
import { parseFile } from '../../../src/trust/model/parse-file.ts';
import { createAnchorReader } from '../../../src/trust/x509/anchor-reader.ts';
import { federatedText } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';

const reader = createAnchorReader();
const peer = (more: Partial<Parameters<typeof federatedText>[0]> = {}): string =>
  `---\n${federatedText({ trustDomain: 'spire.test', url: 'https://spire.test/', ...more })}`;

const version = (path: string, text: string, settled = true): LedgerEvent => ({
  kind: 'version',
  path,
  settled,
  parsed: parseFile(path, text, { defaultMesh: 'default', reader, federation: true }),
});
const everything = [{ mesh: 'default', trustDomain: '*' }] as const;
const trust = (trustDomain: string): string =>
  meshTrustYaml({ name: 'listed', trustDomain, pems: [makeCa().certPem] });
const gone = (path: string, evidence: 'deletion' | 'absence' = 'deletion'): LedgerEvent => ({
  kind: 'gone',
  path,
  evidence,
});

interface Case {
  readonly events: readonly LedgerEvent[];
  /** Events of the Global control plane. */
  readonly imported?: readonly LedgerEvent[];
  readonly options?: Partial<CollectOptions>;
  /** `mesh/trust domain URL`. */
  readonly all: readonly string[];
  readonly codes?: readonly string[];
}

const spire = 'default/spire.test https://spire.test/';
const invalid = peer().replace('https:', 'http:');
const other = '---\nkind: ConfigMap\nmetadata: {name: a}\n';

const cases: Readonly<Record<string, Case>> = {
  'a resource: the default mesh': { events: [version('a', peer())], all: [spire] },
  'a label: its mesh': {
    events: [version('a', peer({ labels: { 'kuma.io/mesh': 'blue' } }))],
    all: ['blue/spire.test https://spire.test/'],
  },
  'an annotation: several meshes, each once': {
    events: [version('a', peer({ annotations: { 'meshtrust.io/meshes': 'blue, green,blue' } }))],
    all: ['blue/spire.test https://spire.test/', 'green/spire.test https://spire.test/'],
  },
  'a label and an annotation: the label counts': {
    events: [
      version(
        'a',
        peer({ labels: { 'kuma.io/mesh': 'blue' }, annotations: { 'meshtrust.io/meshes': 'green' } }),
      ),
    ],
    all: ['blue/spire.test https://spire.test/'],
  },
  'a class: is not read by default': { events: [version('a', peer({ className: 'x' }))], all: [] },
  'a class: is read by its name': {
    events: [version('a', peer({ className: 'x' }))],
    options: { className: 'x' },
    all: [spire],
  },
  'no class: is not read if that is switched off': {
    events: [version('a', peer())],
    options: { className: 'x', classless: false },
    all: [],
  },
  'two resources of a mesh and trust domain: the first by path counts': {
    events: [version('b', peer({ url: 'https://b.test/' })), version('a', peer())],
    all: [spire],
    codes: ['MT004'],
  },
  'a trust domain that this server publishes: is ignored': {
    events: [version('a', peer())],
    options: { isPublished: (mesh, trustDomain) => mesh === 'default' && trustDomain === 'spire.test' },
    all: [],
    codes: ['MT087'],
  },
  'a rule for all trust domains: those that a MeshTrust lists are published, and ignored here': {
    events: [version('a', peer()), version('b', trust('spire.test'))],
    options: {
      isPublished: (mesh, trustDomain, isListed) => isPublished(everything, mesh, trustDomain, isListed),
    },
    all: [],
    codes: ['MT087'],
  },
  'a rule for all trust domains: the MeshTrust is gone, and the bundle of the peer counts': {
    events: [version('b', trust('spire.test')), version('a', peer()), gone('b')],
    options: {
      isPublished: (mesh, trustDomain, isListed) => isPublished(everything, mesh, trustDomain, isListed),
    },
    all: [spire],
  },
  'a rule for all trust domains: a MeshTrust of the Global control plane that may not count takes nothing away':
    {
      events: [version('a', peer())],
      imported: [version('b', trust('spire.test'))],
      options: {
        isPublished: (mesh, trustDomain, isListed) => isPublished(everything, mesh, trustDomain, isListed),
      },
      all: [spire],
    },
  'it is not known whether this server publishes the trust domain: waits': {
    events: [version('a', peer()), version('b', peer({ trustDomain: 'b.test', name: 'b' }))],
    options: { isUndecided: (mesh, trustDomain) => mesh === 'default' && trustDomain === 'spire.test' },
    all: ['default/b.test https://spire.test/'],
    codes: ['MT087'],
  },
  'an invalid version: the last good one stays': {
    events: [version('a', peer()), version('a', invalid)],
    all: [spire],
  },
  'a version without a legible name: the last good ones stay': {
    events: [version('a', peer()), version('a', peer().replace('"name":"peer"', '"name":1'))],
    all: [spire],
  },
  'a file that is not YAML: the last good version stays': {
    events: [version('a', peer()), version('a', '{')],
    all: [spire],
  },
  'a file that cannot be read: the last good version stays': {
    events: [version('a', peer()), { kind: 'unreadable', path: 'a', reason: 'x' }],
    all: [spire],
  },
  'a version that is not settled: takes nothing away': {
    events: [version('a', peer()), version('a', other, false)],
    all: [spire],
  },
  'a document that is removed from its file: is gone': {
    events: [version('a', peer() + other), version('a', other)],
    all: [],
  },
  'a document whose kind is not legible any more: stays, with an error': {
    events: [version('a', peer()), version('a', '---\nspec: {}\n')],
    all: [spire],
    codes: ['MT009'],
  },
  'an empty file: the last good version stays': {
    events: [version('a', peer()), version('a', '')],
    all: [spire],
  },
  'only a document of another kind is in the file: the last good version stays, with an error': {
    events: [version('a', peer()), version('a', other)],
    all: [spire],
    codes: ['MT009'],
  },
  'a misspelt kind: the last good version stays, with an error': {
    events: [version('a', peer()), version('a', peer().replace('TrustDomain"', 'TrustDomian"'))],
    all: [spire],
    codes: ['MT009'],
  },
  'a replaced file that is written again: no error': {
    events: [version('a', peer()), version('a', other), version('a', peer())],
    all: [spire],
  },
  'a replaced file that is deleted: its relationships are gone': {
    events: [version('a', peer()), version('a', other), gone('a')],
    all: [],
  },
  'another ClusterFederatedTrustDomain is in the file: the missing one is gone': {
    events: [version('a', peer()), version('a', peer({ trustDomain: 'b.test', name: 'b' }))],
    all: ['default/b.test https://spire.test/'],
  },
  'a MeshTrust is left in the file: the missing one is gone': {
    events: [version('a', peer() + trust('a.test')), version('a', trust('a.test'))],
    all: [],
  },
  'a file that is gone: its relationships are gone': { events: [version('a', peer()), gone('a')], all: [] },
  'the first of two files is gone: the second counts': {
    events: [version('a', peer()), version('b', peer({ url: 'https://b.test/' })), gone('a')],
    all: ['default/spire.test https://b.test/'],
  },
};

test('relationships: follow from the ClusterFederatedTrustDomains in force', async (t) => {
  for (const [name, { events, imported = [], options, all, codes = [] }] of Object.entries(cases))
    await t.test(name, () => {
      const collector = createRelationshipCollector({
        className: undefined,
        classless: true,
        isPublished: () => false,
        origins: new Set(['files']),
        ...options,
      });
      for (const event of events) collector.apply('files', [event]);
      for (const event of imported) collector.apply('import', [event]);
      const view = collector.view();
      assert.deepEqual(
        [...view.all].map(([key, { url }]) => `${key} ${url}`),
        all,
      );
      assert.deepEqual(
        view.findings.map(({ code }) => code),
        codes,
      );
    });
});

test('evidence: is that of the removed file', () => {
  const collector = createRelationshipCollector({
    className: undefined,
    classless: true,
    isPublished: () => false,
    origins: new Set(['files']),
  });
  collector.apply('files', [version('a', peer()), version('b', peer()), gone('a', 'absence'), gone('b')]);
  assert.equal(collector.evidenceOf('a'), 'absence');
  assert.equal(collector.evidenceOf('b'), 'deletion');
});

const unreadable: LedgerEvent = { kind: 'unreadable', path: 'a', reason: 'x' };
/** The first events of a server, and the files in which relationships of an earlier run may be. */
const afterRestart: Readonly<Record<string, readonly [readonly LedgerEvent[], readonly string[]]>> = {
  'a file that can be read: nothing': [[version('a', peer())], []],
  'a file that is not YAML': [[version('a', '{')], ['a']],
  'a file that cannot be read': [[unreadable], ['a']],
  'a file whose content is not known yet': [[{ kind: 'kept', path: 'a' }], ['a']],
  'a version that is not settled': [[version('a', other, false)], ['a']],
  'an invalid resource': [[version('a', invalid)], ['a']],
  'a resource without a legible name': [[version('a', peer().replace('"name":"peer"', '"name":1'))], ['a']],
  'a document without a legible kind': [[version('a', '---\nspec: {}\n')], ['a']],
  'a misspelt kind': [[version('a', trust('a.test').replace('MeshTrust', 'MeshTrsut'))], ['a']],
  'a file that is not YAML and is corrected: nothing': [[version('a', '{'), version('a', other)], []],
  'a file that cannot be read and is deleted: nothing': [[unreadable, gone('a')], []],
  'a file that was read and is not YAML now: nothing': [[version('a', other), version('a', '{')], []],
  'an invalid resource after a valid one: nothing': [[version('a', peer()), version('a', invalid)], []],
  'a file that stays broken': [[version('a', '{'), version('a', '{'), unreadable], ['a']],
};

test('after a restart: relationships of an earlier run may be in files that are not read yet', async (t) => {
  for (const [name, [events, files]] of Object.entries(afterRestart))
    await t.test(name, () => {
      const collector = createRelationshipCollector({
        className: undefined,
        classless: true,
        isPublished: () => false,
        origins: new Set(['files']),
      });
      // A MeshTrust of the API server hides no relationship.
      collector.apply('kubernetes', [version('kubernetes:a', '{')]);
      for (const event of events) collector.apply('files', [event]);
      assert.deepEqual(collector.unread(), files);
    });
});

test('two resources of a mesh and trust domain: the used one names the other one', () => {
  const collector = createRelationshipCollector({
    origins: new Set(['files']),
    className: undefined,
    classless: true,
    isPublished: () => false,
  });
  collector.apply('files', [version('a', peer()), version('b', peer({ name: 'second' }))]);
  assert.deepEqual(collector.view().all.get('default/spire.test')?.others, ['second in b']);
  collector.apply('files', [gone('b')]);
  assert.equal(collector.view().all.get('default/spire.test')?.others, undefined);
});
