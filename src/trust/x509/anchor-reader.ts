import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { damagedBlockCodes } from '../findings/catalogue.ts';
import type { BlockRefusalCode } from '../findings/catalogue.ts';
import { decodePem } from '../pem/decode-pem.ts';
import type { PemBlock } from '../pem/decode-pem.ts';
import type { Certificate } from './certificate.ts';
import { readCertificate } from './read-certificate.ts';
import type { CertificateReading } from './read-certificate.ts';

/** One block of a PEM text: an anchor, or a refused block with the reason. */
export type AnchorBlock =
  | {
      readonly kind: 'anchor';
      readonly index: number;
      readonly line: number;
      readonly certificate: Certificate;
    }
  | {
      readonly kind: 'refused';
      /** 1-based number of the block in the text. */
      readonly index: number;
      /** 1-based line of the text at which the block begins. */
      readonly line: number;
      readonly code: BlockRefusalCode;
      readonly reason: string;
      /** True if the block is damaged (MT013, MT014) and may be an intended certificate; false if refused by policy. */
      readonly malformed: boolean;
    };

/** Counters of one of the two caches. */
export interface CacheStats {
  readonly hits: number;
  readonly misses: number;
  readonly entries: number;
  /** The estimated size of the entries. */
  readonly bytes: number;
}

/** A caching reader of PEM texts with CA certificates. */
export interface AnchorReader {
  /** Reads a PEM text. Returns the same array for the same text while it is cached. */
  readonly read: (pem: string) => readonly AnchorBlock[];
  /** Parses like `read`, but yields after some new certificates so that other work can run before the next. */
  readonly readSteps: (pem: string) => Generator<undefined, readonly AnchorBlock[]>;
  readonly stats: () => { readonly texts: CacheStats; readonly certificates: CacheStats };
}

/** Certificates that are parsed in one step: they take some milliseconds. */
const certificatesPerStep = 25;
const defaultMaxBytes = 64 * 1024 * 1024;
/** The cost of an entry besides its bytes: objects, short strings, links of the cache. */
const certificateOverhead = 1500;
const refusalSize = 400;
const blockOverhead = 160;
const textOverhead = 250;

/**
 * Creates a reader that parses each distinct certificate once and each distinct text once. The caches are keyed by
 * content hash: they do not keep the texts, and a certificate in many resources is one object. `maxBytes` (by default
 * 64 MiB) bounds each cache; evicted entries are parsed again.
 */
export function createAnchorReader(options: { readonly maxBytes?: number | undefined } = {}): AnchorReader {
  const maxSize = options.maxBytes ?? defaultMaxBytes;
  const texts = new LRUCache<string, readonly AnchorBlock[]>({ maxSize });
  const certificates = new LRUCache<string, CertificateReading>({
    maxSize,
    sizeCalculation: sizeOfReading,
  });
  const counts = { textHits: 0, textMisses: 0, certificateHits: 0, certificateMisses: 0 };

  const readDer = (der: Uint8Array): CertificateReading => {
    const key = hash('sha256', der, 'base64');
    const known = certificates.get(key);
    if (known !== undefined) {
      counts.certificateHits++;
      return known;
    }
    counts.certificateMisses++;
    // Copy the bytes: a small buffer is a slice of a shared slab, and keeping it would keep the whole slab in memory.
    const reading = readCertificate(new Uint8Array(der));
    certificates.set(key, reading);
    return reading;
  };

  const readSteps = function* (pem: string): Generator<undefined, readonly AnchorBlock[]> {
    const key = hash('sha256', pem, 'base64');
    const known = texts.get(key);
    if (known !== undefined) {
      counts.textHits++;
      return known;
    }
    counts.textMisses++;
    let size = textOverhead;
    let parsed = 0;
    const blocks: AnchorBlock[] = [];
    for (const block of decodePem(pem)) {
      const misses = counts.certificateMisses;
      const anchor = readBlock(block, readDer);
      blocks.push(anchor);
      size += blockOverhead;
      if (counts.certificateMisses === misses) continue;
      // A certificate counts for the first text that has it: the text keeps it in memory even without its own cache.
      size += sizeOfBlock(anchor);
      parsed += 1;
      if (parsed % certificatesPerStep === 0) yield;
    }
    texts.set(key, blocks, { size });
    return blocks;
  };

  return {
    read(pem) {
      const steps = readSteps(pem);
      for (;;) {
        const { done, value } = steps.next();
        if (done === true) return value;
      }
    },
    readSteps,
    stats: () => ({
      texts: {
        hits: counts.textHits,
        misses: counts.textMisses,
        entries: texts.size,
        bytes: texts.calculatedSize,
      },
      certificates: {
        hits: counts.certificateHits,
        misses: counts.certificateMisses,
        entries: certificates.size,
        bytes: certificates.calculatedSize,
      },
    }),
  };
}

function readBlock(block: PemBlock, readDer: (der: Uint8Array) => CertificateReading): AnchorBlock {
  const { index, line } = block;
  if (block.kind === 'refused') return refused(index, line, block.code, block.reason);
  const reading = readDer(block.der);
  return reading.kind === 'ca'
    ? { kind: 'anchor', index, line, certificate: reading.certificate }
    : refused(index, line, reading.code, reading.reason);
}

function refused(index: number, line: number, code: BlockRefusalCode, reason: string): AnchorBlock {
  return { kind: 'refused', index, line, code, reason, malformed: damagedBlockCodes.has(code) };
}

function sizeOfReading(reading: CertificateReading): number {
  return reading.kind === 'ca' ? sizeOf(reading.certificate) : refusalSize;
}

function sizeOfBlock(block: AnchorBlock): number {
  return block.kind === 'anchor' ? sizeOf(block.certificate) : 0;
}

/** Estimates the size of a certificate. The DER counts twice, because display strings and hashes grow with it. */
function sizeOf({ der }: Certificate): number {
  return certificateOverhead + 2 * der.length;
}
