import { asMapping } from '../../../text/json.ts';
import { defaultLimits } from '../../../trust/model/limits.ts';
import type { ParseOptions } from '../../../trust/model/parse-file.ts';
import { readAhead } from '../../../trust/model/read-ahead.ts';

/**
 * Reads the certificates of a review in steps, so that other work can run between them. Answering the review, which is
 * one step, then finds them in the cache of the reader. Any JSON value is valid.
 */
export function* readReviewAhead(
  review: unknown,
  { reader, limits = defaultLimits }: Pick<ParseOptions, 'reader' | 'limits'>,
): Generator<undefined, undefined> {
  const request = asMapping(asMapping(review)?.['request']);
  for (const object of [request?.['object'], request?.['oldObject']])
    yield* readAhead(object, reader, limits);
}
