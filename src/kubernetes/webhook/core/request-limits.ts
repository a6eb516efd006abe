import type { Limits } from '../../../trust/model/limits.ts';
import type { JsonLimits } from './json-extent.ts';

/** What one request to the webhook may hold. */
export interface RequestLimits {
  readonly bodyBytes: number;
  readonly json: JsonLimits;
}

/** What a review has beside its two objects: managed fields, annotations, an old object that is too long. */
const restBytes = 2 ** 20;
const restMarks = 16_384;
/** A bundle with one certificate has 8. */
const marksPerCertificate = 16;
/** A review of a MeshTrust has less than 20. */
const depth = 100;

/** Limits that fit a review of an update from one object of the longest accepted kind to another. */
export function requestLimits({ documentLength, certificatesPerResource }: Limits): RequestLimits {
  return {
    bodyBytes: 2 * documentLength + restBytes,
    json: { marks: 2 * marksPerCertificate * certificatesPerResource + restMarks, depth },
  };
}
