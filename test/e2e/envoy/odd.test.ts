import assert from 'node:assert/strict';
import { test } from 'node:test';

import { seed } from '../../kit/seed.ts';
import { oddCases } from '../../trust/verify/odd-cases.ts';
import { compareOdd } from './compare-odd.ts';
import { binaries, skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';

// The long form is `npm run test:envoy:odd`.
test(
  'odd certificates: verify decides as both Envoys, and findings say whose rule they are',
  { skip },
  async (t) => {
    t.diagnostic(`seed ${seed}`);
    const { disagreements, admitted } = await compareOdd(oddCases(seed, 100), binaries);
    if (disagreements.length > 0) console.table(disagreements);
    assert.deepEqual(disagreements, [], `seed ${seed}`);
    assert.ok(admitted > 10 && admitted < 90, `${admitted} of 100 are admitted`);
  },
);
