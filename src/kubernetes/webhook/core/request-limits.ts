import type { Limits } from '../../../trust/model/limits.ts';
import type { JsonLimits } from '../../../text/json-extent.ts';

/** Limits for one request to the webhook. */
export interface RequestLimits {
  readonly bodyBytes: number;
  readonly json: JsonLimits;
}

/** Space for other parts of a review: managed fields, annotations, an old object above the limit. */
const restBytes = 2 ** 20;
const restMarks = 16_384;
/** A bundle with one certificate has 8 marks. */
const marksPerCertificate = 16;
/** A review of a MeshTrust has a depth below 20. */
const depth = 100;

/** Returns limits that admit a review of an update between two objects of the maximum size. */
export function requestLimits({ documentLength, certificatesPerResource }: Limits): RequestLimits {
  return {
    bodyBytes: 2 * documentLength + restBytes,
    json: { marks: 2 * marksPerCertificate * certificatesPerResource + restMarks, depth },
  };
}
