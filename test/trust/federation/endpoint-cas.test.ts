import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { endpointCas } from '../../../src/trust/federation/endpoint-cas.ts';
import type { EndpointCasInput } from '../../../src/trust/federation/endpoint-cas.ts';
import type { TrustDomain } from '../../../src/trust/model/mesh-trust.ts';
import { bundleDocument } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';
import { makeRelationship, readDocument } from '../../kit/federation.ts';

const names = ['bootstrap', 'fetched', 'retained', 'mesh'] as const;
const cas = new Map(names.map((name) => [name, makeCa({ commonName: name })]));
const derOf = (name: (typeof names)[number]): Buffer => cas.get(name)?.der ?? assert.fail();
const documentOf = (...of: readonly (typeof names)[number][]) =>
  readDocument(bundleDocument(of.map((name) => cas.get(name) ?? assert.fail())));

const own = makeRelationship();
const withBootstrap = makeRelationship({ bootstrap: documentOf('bootstrap') });
/** The endpoint is in another trust domain than its bundle. */
const foreign = {
  kind: 'https_spiffe',
  id: 'spiffe://host.test/x',
  trustDomain: 'host.test' as TrustDomain,
} as const;

suite('CA certificates that authenticate an endpoint', () => {
  const fetched = documentOf('fetched');
  const retained = documentOf('retained');
  const cases: readonly (readonly [
    name: string,
    input: Partial<EndpointCasInput>,
    sets: readonly string[],
  ])[] = [
    ['nothing is known of the trust domain: those of the mesh', {}, ['mesh']],
    ['before the first fetch: trustDomainBundle', { relationship: withBootstrap }, ['bootstrap']],
    ['a fetched bundle: its own', { fetched }, ['fetched']],
    [
      'a fetched bundle and an older trustDomainBundle: the fetched',
      { relationship: withBootstrap, fetched },
      ['fetched'],
    ],
    [
      'a trustDomainBundle that is newer than the fetched bundle: the fetched, then the new one',
      { relationship: withBootstrap, fetched, isBootstrapNew: true },
      ['fetched', 'bootstrap (new)'],
    ],
    [
      'a confirmed empty bundle, and a newer trustDomainBundle: the new one',
      { relationship: withBootstrap, fetched: documentOf(), isBootstrapNew: true },
      ['bootstrap (new)'],
    ],
    [
      'a distrusted fetched bundle, and a newer trustDomainBundle: the new one',
      {
        relationship: withBootstrap,
        fetched,
        isBootstrapNew: true,
        isDistrusted: (der) => derOf('fetched').equals(der),
      },
      ['bootstrap (new)'],
    ],
    ['damaged keys in the fetched bundle: the retained as well', { fetched, retained }, ['fetched retained']],
    ['a confirmed empty bundle: none', { relationship: withBootstrap, fetched: documentOf() }, []],
    [
      'an endpoint in another trust domain: those of the mesh',
      { relationship: makeRelationship({ profile: foreign }) },
      ['mesh'],
    ],
    [
      'an endpoint in another trust domain, and everything is known: those of the mesh alone',
      {
        relationship: makeRelationship({ profile: foreign, bootstrap: documentOf('bootstrap') }),
        fetched,
        retained,
        isBootstrapNew: true,
      },
      ['mesh'],
    ],
    ['https_web: none', { relationship: makeRelationship({ profile: { kind: 'https_web' } }), fetched }, []],
    [
      'a distrusted CA: no set has it',
      { fetched, retained, isDistrusted: (der) => derOf('fetched').equals(der) },
      ['retained'],
    ],
    ['all are distrusted: none', { fetched, retained, isDistrusted: () => true }, []],
  ];
  for (const [name, input, sets] of cases)
    test(name, () => {
      const asked: string[] = [];
      const found = endpointCas({
        relationship: own,
        fetched: undefined,
        retained: undefined,
        isBootstrapNew: false,
        trusted: (mesh, trustDomain) => {
          asked.push(`${mesh}/${trustDomain}`);
          return [derOf('mesh')];
        },
        isDistrusted: () => false,
        ...input,
      });
      const nameOf = (der: Uint8Array): string => names.find((one) => derOf(one).equals(der)) ?? 'unknown';
      assert.deepEqual(
        found.map(
          ({ cas: set, isNewBootstrap }) => set.map(nameOf).join(' ') + (isNewBootstrap ? ' (new)' : ''),
        ),
        sets,
      );
      const { profile } = input.relationship ?? own;
      const domain = profile.kind === 'https_spiffe' ? profile.trustDomain : '';
      assert.deepEqual(asked, sets.includes('mesh') ? [`default/${domain}`] : []);
    });
});
