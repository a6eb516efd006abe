import type { StoredBundle } from '../../../src/trust/federation/stored-bundle.ts';
import { bundleDocument, bundleKey } from '../../kit/bundle-endpoint.ts';
import { makeCa } from '../../kit/certificates.ts';
import {
  documentResponse,
  failure,
  makeRelationship,
  peerDomain,
  readDocument,
} from '../../kit/federation.ts';
import type { FakeResponse } from '../../kit/federation.ts';

export const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];
export const path = 'federation:default/spire.test';
export const bootstrap = readDocument(bundleDocument([a]));
export const relationship = makeRelationship({ bootstrap });
export const one = (sequence: number) => bundleDocument([a], { sequence, refreshHint: 60 });
export const two = bundleDocument([a, b], { sequence: 2, refreshHint: 60 });
export const minute = 60_000;
/** A bundle whose only key is damaged. */
export const damaged = {
  keys: [{ ...bundleKey(a), x5c: ['!'] }],
  spiffe_sequence: 9,
  spiffe_refresh_hint: 60,
};

/** Responds as an endpoint does whose certificate is from this CA: only clients that trust it get a document. */
export const signedBy =
  ({ certPem }: typeof a, document: () => unknown): FakeResponse =>
  ({ check }) =>
    check.kind === 'spiffe' && check.cas.includes(certPem)
      ? documentResponse(document())
      : failure('identity');

export const stored = (more: Partial<StoredBundle> = {}): ReadonlyMap<string, StoredBundle> =>
  new Map([
    [
      'default/spire.test',
      {
        mesh: 'default',
        trustDomain: peerDomain,
        url: relationship.url,
        etag: '"1"',
        fetchedAt: Date.UTC(2026, 10, 22),
        bootstrapDigest: undefined,
        document: readDocument(two),
        ...more,
      },
    ],
  ]);
