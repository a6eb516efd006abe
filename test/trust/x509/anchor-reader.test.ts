import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodePem } from '../../../src/trust/pem/encode-pem.ts';
import { createAnchorReader } from '../../../src/trust/x509/anchor-reader.ts';
import type { AnchorBlock } from '../../../src/trust/x509/anchor-reader.ts';
import { buildCertificate, extension, nameOf } from './build-certificate.ts';
import { sequence } from '../../kit/der.ts';

const ca = encodePem(buildCertificate());
const other = encodePem(buildCertificate({ subject: nameOf('Other'), issuer: nameOf('Other') }));
const leaf = encodePem(buildCertificate({ extensions: [extension('2.5.29.19', sequence())] }));
const damaged = encodePem(buildCertificate().subarray(0, -1));

function brief(blocks: readonly AnchorBlock[]): readonly string[] {
  return blocks.map((block) =>
    block.kind === 'anchor'
      ? `${block.index}@${block.line} ${block.certificate.subject}`
      : `${block.index}@${block.line} ${block.code}${block.malformed ? ' malformed' : ''}`,
  );
}

test('text with damaged and refused blocks → each has its kind, and the others are anchors', () => {
  const blocks = createAnchorReader().read(
    `# roots\n${ca}${leaf}${damaged}-----BEGIN CERTIFICATE-----\n${other}`,
  );
  // Signatures differ in length from run to run, and so does the number of lines.
  const lines = [2, ca, leaf, damaged, '\n'].map((part) =>
    typeof part === 'number' ? part : part.split('\n').length - 1,
  );
  const at = lines.map((_, index) => lines.slice(0, index + 1).reduce((sum, count) => sum + count));
  assert.deepEqual(brief(blocks), [
    `1@${at[0]} CN=Test CA`,
    `2@${at[1]} MT015`,
    `3@${at[2]} MT014 malformed`,
    `4@${at[3]} MT013 malformed`,
    `5@${at[4]} CN=Other`,
  ]);
});

test('same text → the same array, and a cache hit', () => {
  const reader = createAnchorReader();
  const first = reader.read(ca + other);
  assert.equal(reader.read(ca + other), first);
  const { texts, certificates } = reader.stats();
  assert.deepEqual([texts.hits, texts.misses, texts.entries], [1, 1, 1]);
  assert.deepEqual([certificates.hits, certificates.misses, certificates.entries], [0, 2, 2]);
});

test('one certificate in a thousand texts → parsed once, and one object', () => {
  const reader = createAnchorReader();
  const found = new Set(
    Array.from({ length: 1000 }, (_, index) => reader.read(`# resource ${index}\n${ca}`)[0]).map((block) =>
      block?.kind === 'anchor' ? block.certificate : undefined,
    ),
  );
  assert.equal(found.size, 1);
  assert.equal(reader.stats().certificates.misses, 1);
  assert.equal(reader.stats().certificates.hits, 999);
});

test('refused certificate → also cached', () => {
  const reader = createAnchorReader();
  reader.read(leaf);
  reader.read(leaf + ca);
  assert.equal(reader.stats().certificates.hits, 1);
});

test('cache: stays below its bound, and evicted texts are parsed again', () => {
  const reader = createAnchorReader({ maxBytes: 10_000 });
  const texts = Array.from({ length: 50 }, (_, index) =>
    encodePem(buildCertificate({ subject: nameOf(`CA ${index}`) })),
  );
  for (const text of [...texts, ...texts]) assert.equal(reader.read(text)[0]?.kind, 'anchor');
  const { texts: kept, certificates } = reader.stats();
  assert.ok(certificates.bytes <= 10_000 && certificates.entries > 0, `${certificates.bytes} bytes`);
  assert.ok(kept.bytes <= 10_000 && kept.entries > 0, `${kept.bytes} bytes`);
  assert.equal(certificates.misses, 100);
});

test('cached certificate: keeps neither the text nor the source buffers in memory', () => {
  const [block] = createAnchorReader().read(ca);
  assert.equal(block?.kind, 'anchor');
  const { der } = block.certificate;
  assert.equal(der.buffer.byteLength, der.byteLength);
});
