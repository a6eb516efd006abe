import assert from 'node:assert/strict';
import { test } from 'node:test';
import { caNamesLimit, countNames } from '../../../src/trust/bundle/ca-names.ts';
import { joinMesh } from '../../../src/trust/bundle/join-mesh.ts';
import type { MeshBundle } from '../../../src/trust/bundle/join-mesh.ts';
import type { TrustBundle } from '../../../src/trust/bundle/trust-bundle.ts';
import type { Share } from '../../../src/trust/ledger/share.ts';
import { bundleOf, shareOf } from '../../kit/bundles.ts';
import { longName, makeCa, makeKey } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import * as fc from '../../kit/fast-check.ts';

const key = makeKey();
/** CAs whose names take 1,000 to 3,800 bytes each. */
const cas = Array.from({ length: 40 }, (_, index) =>
  makeCa({ subject: longName(1000 + (index % 5) * 700, `ca${index}`), key }),
);

/** What one resource lists. */
interface Listing {
  readonly prefix: string;
  readonly cas: readonly Certificate[];
}

const listing: fc.Arbitrary<Listing> = fc.record({
  prefix: fc.constantFrom('', 'import:default/', 'federation:default/'),
  cas: fc.array(fc.constantFrom(...cas), { minLength: 1, maxLength: 12 }),
});
const mesh = fc.array(fc.array(listing, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 });

function bundlesOf(domains: readonly (readonly Listing[])[]): readonly TrustBundle[] {
  return domains.map((listings, index) => {
    const trustDomain = `d${index}.test`;
    const shares = listings.map(({ prefix, cas: listed }, order): Share => {
      const share = shareOf(trustDomain, listed);
      const file = `${prefix}${trustDomain}-${order}`;
      const anchors = share.anchors.map((anchor) => ({ ...anchor, place: { ...anchor.place, file } }));
      return { ...share, identity: file as Share['identity'], anchors };
    });
    return bundleOf(shares);
  });
}

function join(bundles: readonly TrustBundle[], previous?: MeshBundle): MeshBundle {
  return joinMesh({
    mesh: 'default',
    bundles,
    previous,
    restrict: (bundle, isAdmitted) => ({
      ...bundle,
      anchors: bundle.anchors.filter(({ certificate }) => isAdmitted(certificate)),
    }),
  });
}

const served = ({ merged }: MeshBundle): readonly string[] =>
  merged.map(({ trustDomain, anchors }) =>
    [trustDomain, ...anchors.map(({ certificate }) => certificate.fingerprint)].join(' '),
  );

test('any CAs of any origins → their names fit, and a rebuild without a change serves the same', () => {
  fc.assert(
    fc.property(mesh, mesh, (first, second) => {
      const bundles = bundlesOf(first);
      const built = join(bundles);
      assert.deepEqual(served(join(bundles.toReversed())), served(built));
      assert.deepEqual(served(join(bundles, built)), served(built));
      const next = join(bundlesOf(second), built);
      for (const { merged, bundles: all, findings } of [built, next]) {
        assert.ok(countNames(merged).size <= caNamesLimit);
        const present = new Set(merged.flatMap((one) => (one.anchors.length > 0 ? one.trustDomain : [])));
        const absent = all.filter((one) => one.anchors.length > 0 && !present.has(one.trustDomain));
        assert.deepEqual(
          findings.flatMap(({ code, trustDomain }) => (code === 'MT032' ? trustDomain : [])),
          absent.map(({ trustDomain }) => trustDomain),
        );
      }
    }),
    { numRuns: 100 },
  );
});
