import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { answerReview } from '../../../../src/kubernetes/webhook/core/answer-review.ts';
import { readReviewAhead } from '../../../../src/kubernetes/webhook/core/read-review-ahead.ts';
import { createAnchorReader } from '../../../../src/trust/x509/anchor-reader.ts';
import { makeCa, makeIntermediate, makeKey } from '../../../kit/certificates.ts';
import { object, review, servingAll } from '../reviews.ts';

const key = makeKey();
const root = makeCa({ commonName: 'Root' });
const below = Array.from({ length: 60 }, (_, index) =>
  makeIntermediate(root, { commonName: `Below ${index}`, key }),
);
const pems = [root, ...below].map(({ certPem }) => certPem);
const large = review({ operation: 'CREATE', object: object({ name: 'a.test', pems }), oldObject: null });

suite('review that is read ahead', () => {
  test('many certificates: read and verified in steps, and not read again for the answer', () => {
    const reader = createAnchorReader();
    const steps = [...readReviewAhead(large, { reader })];
    // 25 certificates, or 10 signatures, in one step.
    assert.equal(steps.length, 2 + 6);
    const { misses } = reader.stats().certificates;
    assert.equal(misses, 61);
    const context = servingAll([]);
    const answer = answerReview(large, { ...context, parse: { ...context.parse, reader } });
    assert.equal(answer.kind, 'review');
    assert.equal(reader.stats().certificates.misses, misses);
  });

  test('object that is longer than a document may be: not read', () => {
    const reader = createAnchorReader();
    const limits = { documentLength: 20_000, certificatesPerResource: 1000 };
    assert.deepEqual([...readReviewAhead(large, { reader, limits })], []);
    assert.equal(reader.stats().certificates.misses, 0);
  });

  for (const value of [undefined, null, 7, [], {}, { request: [] }, { request: { object: 'x' } }])
    test(`${JSON.stringify(value)}: nothing to read`, () =>
      assert.deepEqual([...readReviewAhead(value, { reader: createAnchorReader() })], []));
});
