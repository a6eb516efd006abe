import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTrustStages } from '../../src/runtime/trust-stages.ts';
import { bundleText } from '../../src/trust/federation/bundle-text.ts';
import { createIdentityStage } from '../../src/trust/identity/identity-stage.ts';
import { createLedger } from '../../src/trust/ledger/ledger.ts';
import { defaultLimits } from '../../src/trust/model/limits.ts';
import type { TrustDomain } from '../../src/trust/model/mesh-trust.ts';
import { createMeshBuilder } from '../../src/trust/snapshot/mesh-builder.ts';
import { bundleDocument } from '../kit/bundle-endpoint.ts';
import { noPolicy, servedCas } from '../kit/bundles.ts';
import { makeCa } from '../kit/certificates.ts';
import { readDocument } from '../kit/federation.ts';
import { codes } from '../kit/ledger.ts';
import { identityText, parseAll, secretText } from '../kit/mesh-identities.ts';

test('a bundle of a peer whose resource has the name of a MeshIdentity: is no MeshTrust of its control plane', () => {
  const [a, peer] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'Peer' })];
  const stages = createTrustStages(
    createIdentityStage({
      zone: undefined,
      zones: [],
      linger: { kind: 'fixed', ms: 0 },
      limits: defaultLimits,
    }),
    undefined,
  );
  const ledger = createLedger(['files', 'federation', 'superseded'], { holdMs: 0 });
  const deliver = (source: string, texts: Readonly<Record<string, string>>): void => {
    const events = Object.entries(texts).map(([path, text]) => {
      return { kind: 'version', path, settled: true, parsed: parseAll(path, text) } as const;
    });
    for (const [to, all] of stages.apply(source, events, 0)) ledger.apply(to, all, 0);
  };
  const provider = {
    type: 'Bundled',
    bundled: { insecureAllowSelfSigned: true, autogenerate: { enabled: true } },
  };
  const relationship = { mesh: 'default', trustDomain: 'peer.test' as TrustDomain, name: 'partner' };
  deliver('files', {
    'identity.yaml': identityText({
      name: 'partner',
      spec: { spiffeID: { trustDomain: 'a.example' }, provider },
    }),
    'secret.yaml': secretText('partner-root-ca', a.certPem),
  });
  deliver('federation', {
    'federation:default/peer.test': bundleText(relationship, readDocument(bundleDocument([peer]))),
  });
  const meshes = createMeshBuilder(noPolicy).build(ledger.view().holdings, 0);
  assert.deepEqual(servedCas(meshes), ['a.example: A', 'peer.test: Peer']);
  assert.deepEqual(codes(ledger), []);
});
