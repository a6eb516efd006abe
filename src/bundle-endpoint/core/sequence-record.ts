import { isMapping, parseJson } from '../../text/json.ts';

/** The last published bundle of a trust domain. The record survives a restart, so that the sequence never goes back. */
export interface SequenceRecord {
  readonly mesh: string;
  readonly trustDomain: string;
  /** `spiffe_sequence`: milliseconds since 1970 at the change, or more where the clock went back. */
  readonly sequence: number;
  /** Hash of the content. */
  readonly hash: string;
  /** True if the bundle had no key, so that consumers refuse every certificate of the trust domain. */
  readonly isEmpty: boolean;
  /** Whether the bundle had certificates that only an import lists; `undefined` if that is not known. */
  readonly hasImported?: boolean | undefined;
}

const format = 'meshtrust-bundle-sequences/1';

/** Encodes records as the text of a file. */
export function encodeRecords(records: readonly SequenceRecord[]): string {
  return `${JSON.stringify({ format, records }, null, 1)}\n`;
}

/**
 * Decodes the text of a file. Returns `undefined` if the file has another format: the caller then starts without
 * records.
 */
export function decodeRecords(text: string): readonly SequenceRecord[] | undefined {
  const parsed = parseJson(text);
  if (!isMapping(parsed) || parsed['format'] !== format || !Array.isArray(parsed['records']))
    return undefined;
  const records = parsed['records'].map(decodeRecord);
  return records.every((record) => record !== undefined) ? records : undefined;
}

function decodeRecord(record: unknown): SequenceRecord | undefined {
  if (!isMapping(record)) return undefined;
  const { mesh, trustDomain, sequence, hash, isEmpty, hasImported } = record;
  return typeof mesh === 'string' &&
    typeof trustDomain === 'string' &&
    typeof sequence === 'number' &&
    Number.isSafeInteger(sequence) &&
    sequence >= 0 &&
    typeof hash === 'string' &&
    typeof isEmpty === 'boolean' &&
    (hasImported === undefined || typeof hasImported === 'boolean')
    ? { mesh, trustDomain, sequence, hash, isEmpty, ...(hasImported === undefined ? {} : { hasImported }) }
    : undefined;
}
