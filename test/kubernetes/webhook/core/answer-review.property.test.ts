import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import * as fc from '../../../kit/fast-check.ts';

import { answerReview } from '../../../../src/kubernetes/webhook/core/answer-review.ts';
import { makeCa } from '../../../kit/certificates.ts';
import { object, review, servingAll, starting } from '../reviews.ts';

const { certPem } = makeCa();
const good = object({ name: 'a.test', pems: [certPem] });
const context = servingAll([good]);

/** A valid object, one of whose values is replaced by any JSON value. */
const damagedObject = fc
  .tuple(
    fc.constantFrom(
      ['metadata'],
      ['metadata', 'name'],
      ['metadata', 'namespace'],
      ['metadata', 'labels'],
      ['metadata', 'labels', 'kuma.io/mesh'],
      ['spec'],
      ['spec', 'trustDomain'],
      ['spec', 'caBundles'],
      ['spec', 'caBundles', '0'],
      ['spec', 'caBundles', '0', 'pem'],
      ['spec', 'caBundles', '0', 'pem', 'value'],
      ['status'],
    ),
    fc.jsonValue({ maxDepth: 4 }),
  )
  .map(([path, value]): unknown => {
    const copy = structuredClone(good);
    let holder = copy as Record<string, unknown>;
    for (const part of path.slice(0, -1)) holder = holder[part] as Record<string, unknown>;
    holder[path.at(-1) ?? ''] = value;
    return copy;
  });
const anyObject = fc.oneof(damagedObject, fc.constant(good), fc.jsonValue());

suite('response to a review', () => {
  test('any JSON: the response is a review with the uid, or contains a reason', () => {
    const kinds = new Map<string, number>();
    const operation = fc.constantFrom('CREATE', 'UPDATE', 'DELETE');
    fc.assert(
      fc.property(operation, anyObject, anyObject, fc.boolean(), (name, first, second, isReady) => {
        const request = review({
          operation: name,
          object: first as object,
          oldObject: second as object,
        });
        const answer = answerReview(request, isReady ? context : starting);
        kinds.set(answer.kind, (kinds.get(answer.kind) ?? 0) + 1);
        if (answer.kind === 'malformed') return assert.notEqual(answer.reason, '');
        const { response } = answer.body as { readonly response: { readonly uid: string; allowed: boolean } };
        assert.equal(response.uid, 'asked');
        assert.equal(response.allowed, answer.result !== 'refused');
        if (name === 'DELETE') assert.equal(response.allowed, true);
      }),
      { numRuns: 500 },
    );
    assert.deepEqual([...kinds.keys()].sort(), ['malformed', 'review']);
  });

  test('any JSON that is not a review: is malformed', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.equal(answerReview(value, context).kind, 'malformed');
      }),
    );
  });
});
