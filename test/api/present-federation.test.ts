import assert from 'node:assert/strict';
import { test } from 'node:test';
import { presentFederation } from '../../src/api/present-federation.ts';
import { afterSuccess, firstPollState } from '../../src/trust/federation/poll-state.ts';
import { pollStatus } from '../../src/trust/federation/poll-view.ts';
import { bundleDocument, bundleKey } from '../kit/bundle-endpoint.ts';
import { makeCa } from '../kit/certificates.ts';
import { makeRelationship, readDocument } from '../kit/federation.ts';

test('bundle with keys that are not used: only its usable CA certificates are counted', () => {
  const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
  const leaf = makeCa({ commonName: 'Leaf', basicConstraints: { kind: 'end-entity' } });
  const contradiction = { ...bundleKey(b), x5c: [Buffer.from(a.der).toString('base64')] };
  const { keys } = bundleDocument([a, leaf]) as { keys: readonly unknown[] };
  const document = readDocument({ keys: [...keys, contradiction] });
  const fetched = afterSuccess(
    firstPollState(makeRelationship(), undefined),
    { document, etag: undefined },
    0,
  );
  const limits = { minIntervalMs: 1000, maxIntervalMs: 1000 };
  const [relationship] = presentFederation([pollStatus(fetched.state, limits, undefined)]);
  assert.equal(relationship?.anchors, 1);
});
