import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bundleOf, shareOf } from '../../kit/bundles.ts';
import { seed } from '../../kit/seed.ts';
import { createAnchorReader } from '../../../src/trust/x509/anchor-reader.ts';
import { verifyLeaf } from '../../../src/trust/verify/verify-leaf.ts';
import type { OddCertificate } from './odd-certificate.ts';
import { oddCases } from './odd-cases.ts';
import type { OddCase } from './odd-cases.ts';

const reader = createAnchorReader();
const isAnchor = ({ certPem }: OddCertificate): boolean =>
  reader.read(certPem).every(({ kind }) => kind === 'anchor');

/** Returns whether the client of a case is admitted if these certificates are listed, and the codes of the findings. */
function check({ trustDomain, leaf, chain }: OddCase, listed: readonly OddCertificate[], now: number) {
  const { anchors, findings } = bundleOf([shareOf(trustDomain, listed)], { now });
  const domain = {
    name: trustDomain,
    anchors: anchors.map(({ certificate: { fingerprint }, der, rooting }) => ({ fingerprint, der, rooting })),
  };
  const { kind } = verifyLeaf({
    leaf: leaf.der,
    chain: chain.map(({ der }) => der),
    domains: [domain],
    now,
  });
  return { isAdmitted: kind === 'admitted', codes: findings.map(({ code }) => code) };
}

/**
 * Returns the cases in which a client is admitted if only its intermediate is listed, but is rejected by the full
 * listing without any finding. Also returns the number of compared cases.
 */
function compare(cases: readonly OddCase[]) {
  const now = Date.now();
  const faults: string[] = [];
  let compared = 0;
  for (const one of cases) {
    const listed = one.anchors.filter(isAnchor);
    const [, middle] = listed;
    if (middle === undefined || one.anchors[1] !== middle) continue;
    if (!check(one, [middle], now).isAdmitted) continue;
    compared++;
    const { isAdmitted, codes } = check(one, listed, now);
    if (!isAdmitted && codes.length === 0) faults.push(one.title);
  }
  return { faults, compared };
}

/**
 * Listings with certificate policies are excluded: a leaf may demand an explicit policy, and a finding about a bundle
 * cannot know the leaves of clients. `find-ungrounded.test.ts` tests intermediates that demand an explicit policy.
 */
const isLeftOut = ({ title }: OddCase): boolean => title.includes(' policies: ');

// The comparison with Envoys cannot detect a grounding fault. If a bundle serves an intermediate with a root that
// validates no chain, verify and Envoy both reject its clients.
test('odd listings: a client of the intermediate is admitted, or a finding exists', () => {
  const { faults, compared } = compare(oddCases(seed, 600).filter((one) => !isLeftOut(one)));
  assert.deepEqual(faults, [], `seed ${seed}`);
  assert.ok(compared > 5, `${compared} listings are compared`);
});
