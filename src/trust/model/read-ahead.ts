import { isMapping } from '../../text/json.ts';
import type { AnchorReader } from '../x509/anchor-reader.ts';
import type { Certificate } from '../x509/certificate.ts';
import { findIssuersSteps } from '../x509/find-issuers.ts';
import type { Limits } from './limits.ts';
import { readSpec } from './read-spec.ts';

/** Shorter texts, which have a few tens of certificates, are read in one step. */
const longTexts = 16_384;
/** Blocks of several texts that are read in one step: they take some milliseconds. */
const blocksPerStep = 25;

/**
 * Parses the PEM texts of a resource in steps, and verifies which of its certificates signed others. Only caches keep
 * the results: reading the resource, and building its bundle in one step, then take little time. An intermediate and
 * its issuer are usually in one resource.
 */
export function* readAhead(
  value: unknown,
  reader: AnchorReader,
  limits: Limits,
): Generator<undefined, undefined> {
  const pems = (isMapping(value) ? readSpec(value, () => undefined)?.pems : undefined) ?? [];
  const length = pems.reduce((sum, { text }) => sum + text.length, 0);
  // A longer resource is refused.
  if (length <= longTexts || length > limits.documentLength) return;
  const certificates: Certificate[] = [];
  let blocks = 0;
  let sinceStep = 0;
  for (const { text } of pems) {
    const read = yield* reader.readSteps(text);
    for (const block of read) if (block.kind === 'anchor') certificates.push(block.certificate);
    blocks += read.length;
    // The reader makes steps within a text that has more.
    sinceStep += read.length < blocksPerStep ? read.length : 0;
    if (sinceStep < blocksPerStep) continue;
    sinceStep = 0;
    yield;
  }
  // So is one with more certificates.
  if (blocks <= limits.certificatesPerResource) yield* findIssuersSteps(certificates);
}
