import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createPublishedBundles } from '../../../src/bundle-endpoint/core/published-bundles.ts';
import type { PublishedBundles } from '../../../src/bundle-endpoint/core/published-bundles.ts';
import { decodeRecords, encodeRecords } from '../../../src/bundle-endpoint/core/sequence-record.ts';
import { shareOf } from '../../kit/bundles.ts';
import { makeCa } from '../../kit/certificates.ts';
import * as fc from '../../kit/fast-check.ts';
import { makeServed } from './served-trust.ts';

const cas = ['one', 'two', 'three'].map((commonName) => makeCa({ commonName }));
const trustDomains = ['a.test', 'b.test'];

interface Step {
  /** The CA certificates of each trust domain. */
  readonly listed: readonly (readonly (typeof cas)[number][])[];
  readonly now: number;
  readonly restarts: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  listed: fc.tuple(...trustDomains.map(() => fc.subarray(cas))),
  now: fc.integer({ min: 0, max: 1000 }),
  restarts: fc.boolean(),
});

function start(records: PublishedBundles | undefined): PublishedBundles {
  const kept = records && decodeRecords(encodeRecords(records.records()));
  const rules = [{ mesh: 'default', trustDomain: '*' }] as const;
  return createPublishedBundles({ rules, refreshSeconds: 300, records: kept });
}

suite('sequences of published bundles', () => {
  test('any changes, clocks and restarts: a sequence never goes back, and changes exactly with the content', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        let served = makeServed();
        let published = start(undefined);
        const last = new Map<string, { readonly sequence: number; readonly etag: string }>();
        for (const { listed, now, restarts } of steps) {
          if (restarts) {
            published = start(published);
            served = makeServed();
          }
          const shares = trustDomains.flatMap((name, index) => {
            const certificates = listed[index] ?? [];
            return certificates.length === 0 ? [] : [shareOf(name, certificates)];
          });
          published.update(served.of(...shares), now);
          for (const { trustDomain, sequence, etag, isEmpty } of published.all()) {
            const before = last.get(trustDomain);
            if (before !== undefined) {
              assert.ok(sequence >= before.sequence, 'it never goes back');
              assert.equal(sequence === before.sequence, etag === before.etag);
            }
            last.set(trustDomain, { sequence, etag });
            const isListed = shares.some((share) => share.trustDomain === trustDomain);
            assert.equal(isEmpty, !isListed);
          }
        }
      }),
    );
  });
});
