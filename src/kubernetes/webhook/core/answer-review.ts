import { readReview, renderReview } from './admission-review.ts';
import { checkChange } from './check-change.ts';
import type { CheckContext } from './check-change.ts';

/** The result of a review, as the metric counts it. */
type ReviewResult = 'allowed' | 'warned' | 'refused' | 'malformed';

/** The response to one request. */
export type ReviewAnswer =
  | { readonly kind: 'review'; readonly result: Exclude<ReviewResult, 'malformed'>; readonly body: object }
  | { readonly kind: 'malformed'; readonly reason: string };

/** Answers one AdmissionReview. Everything except changes of a MeshTrust's text is allowed. */
export function answerReview(value: unknown, context: CheckContext): ReviewAnswer {
  const request = readReview(value);
  switch (request.kind) {
    case 'malformed':
      return request;
    case 'other':
      return {
        kind: 'review',
        result: 'allowed',
        body: renderReview(request.uid, { kind: 'allowed', warnings: [] }),
      };
    case 'change': {
      const verdict = checkChange(request.change, context);
      const body = renderReview(request.uid, verdict);
      if (verdict.kind === 'refused') return { kind: 'review', result: 'refused', body };
      return { kind: 'review', result: verdict.warnings.length === 0 ? 'allowed' : 'warned', body };
    }
  }
}
