import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import forge from 'node-forge';
import { decodePem } from '../../../src/trust/pem/decode-pem.ts';
import { encodePem } from '../../../src/trust/pem/encode-pem.ts';
import { buildCertificate, nameOf } from '../x509/build-certificate.ts';

const certificate = buildCertificate();
const neighbour = buildCertificate({ subject: nameOf('Neighbour') });
const pem = encodePem(certificate);
const good = encodePem(neighbour);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const accepted = (text: string): readonly string[] =>
  decodePem(text).map((block) => (block.kind === 'certificate' ? hex(block.der) : 'refused'));

/** Returns the DER that OpenSSL reads from PEM text or DER, in hex, or that OpenSSL refuses it. */
function opened(input: string | Uint8Array): string {
  try {
    return hex(new X509Certificate(input).raw);
  } catch {
    return 'not a certificate';
  }
}

test('encode, then decode → the same bytes, and the text is canonical', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), (der) => {
      const text = encodePem(der);
      assert.deepEqual(accepted(text), [hex(der)]);
      assert.match(
        text,
        /^-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/=]{1,64}\n-----END CERTIFICATE-----\n$/,
      );
    }),
  );
});

test('body with lines of any width and any line end → the same bytes, and refused with a bit that is not used', () => {
  const form = fc.tuple(fc.nat(99), fc.constantFrom('\n', '\r\n', ' \n'));
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), form, (der, [width, end]) => {
      const body = Buffer.from(der).toString('base64');
      const armoured = (text: string): string => {
        const lines = Array.from({ length: Math.ceil(text.length / (width + 1)) }, (_, line) =>
          text.slice(line * (width + 1), (line + 1) * (width + 1)),
        );
        return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join(end);
      };
      assert.deepEqual(accepted(armoured(body)), [hex(der)]);
      // The last character before the padding has two or four bits that are not used.
      const odd = body.replace(/[A-Za-z0-9+/](?==)/, (last) => String.fromCharCode(last.charCodeAt(0) + 1));
      assert.deepEqual(accepted(armoured(odd)), [odd === body ? hex(der) : 'refused']);
    }),
  );
});

test('decode canonical text, then encode → the same text', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 5 }), (ders) => {
      const text = ders.map(encodePem).join('');
      const blocks = decodePem(text).map((block) =>
        block.kind === 'certificate' ? encodePem(block.der) : '',
      );
      assert.equal(blocks.join(''), text);
    }),
  );
});

const oddText = fc.oneof(
  fc.constantFrom('\n', '\r', '\r\n', ' ', '\t', '\f', '\0', '\n\n', ' '.repeat(300)),
  fc.constantFrom('-', '=', '==', 'A', '/', '_', ':', '\u00e9', '\u0141', '\u2028', '\ufeff'),
  fc.constantFrom('-----', '-----END CERTIFICATE-----\n', '-----BEGIN CERTIFICATE-----\n', 'A: b\n'),
);
type Mutation = (text: string) => string;
const position = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(position, oddText).map(
    ([where, odd]): Mutation =>
      (text) =>
        splice(text, where, 0, odd),
  ),
  fc.tuple(position, oddText).map(
    ([where, odd]): Mutation =>
      (text) =>
        splice(text, where, 1, odd),
  ),
  fc.tuple(position, fc.integer({ min: 1, max: 70 })).map(
    ([where, count]): Mutation =>
      (text) =>
        splice(text, where, count, ''),
  ),
  fc.tuple(position, fc.constantFrom('', ' ', '\r', '\r\n', ' \n', '\t\r\n')).map(
    ([where, end]): Mutation =>
      (text) =>
        changeLineEnd(text, where, end),
  ),
  fc.constantFrom('\r\n', ' \n', '\t \r\n', `${' '.repeat(90)}\n`, `${' '.repeat(260)}\n`).map(
    (end): Mutation =>
      (text) =>
        text.replaceAll('\n', end),
  ),
  fc.integer({ min: 1, max: 2000 }).map(
    (width): Mutation =>
      (text) =>
        rewrap(text, width),
  ),
);

function splice(text: string, where: number, count: number, insert: string): string {
  const at = Math.floor(where * text.length);
  return text.slice(0, at) + insert + text.slice(at + count);
}

function changeLineEnd(text: string, where: number, end: string): string {
  const lines = text.split('\n');
  const at = Math.floor(where * (lines.length - 1));
  return `${lines.slice(0, at + 1).join('\n')}${end}${lines.slice(at + 1).join('\n')}`;
}

function rewrap(text: string, width: number): string {
  const lines = text.split('\n');
  const body = lines.slice(1, -2).join('');
  const rows = Array.from({ length: Math.ceil(body.length / width) }, (_, row) =>
    body.slice(row * width, (row + 1) * width),
  );
  return [lines[0], ...rows, ...lines.slice(-2)].join('\n');
}

const mutated = fc
  .array(mutation, { minLength: 1, maxLength: 3 })
  .map((mutations) => mutations.reduce((text, mutate) => mutate(text), pem));

test('accepted block → OpenSSL and node-forge read the same bytes', () => {
  let acceptedCount = 0;
  fc.assert(
    fc.property(mutated, (text) => {
      const lines = text.split('\n');
      for (const block of decodePem(text)) {
        if (block.kind !== 'certificate') continue;
        acceptedCount++;
        const fromHere = lines.slice(block.line - 1).join('\n');
        assert.equal(opened(fromHere), opened(block.der));
        assert.equal(forge.util.bytesToHex(forge.pem.decode(fromHere)[0]?.body ?? ''), hex(block.der));
      }
    }),
    { numRuns: 3000 },
  );
  assert.ok(acceptedCount > 300, `only ${acceptedCount} of the mutations were accepted`);
});

test('any mutation of a block → both neighbours are accepted', () => {
  fc.assert(
    fc.property(mutated, (text) => {
      const blocks = accepted(`${good}${text}\n${good}`);
      assert.equal(blocks.at(0), hex(neighbour));
      assert.equal(blocks.at(-1), hex(neighbour));
    }),
    { numRuns: 2000 },
  );
});

test('change of a single character → the block is accepted or refused, never dropped', () => {
  const positions = Array.from(pem, (_, at) => at);
  const changes = ['', ' ', '\n', '\r', '-', 'A', 'x', '\u2013', '#'];
  for (const at of positions) {
    for (const change of changes) {
      for (const count of [0, 1]) {
        const text = pem.slice(0, at) + change + pem.slice(at + count);
        assert.ok(decodePem(`${good}${text}\n${good}`).length >= 3, JSON.stringify(text));
      }
    }
  }
});

test('blocks: numbered from 1, with ascending lines', () => {
  fc.assert(
    fc.property(fc.array(mutated, { maxLength: 4 }), (texts) => {
      const blocks = decodePem(texts.join('\n'));
      assert.deepEqual(
        blocks.map(({ index }) => index),
        blocks.map((_, at) => at + 1),
      );
      const lines = blocks.map(({ line }) => line);
      assert.deepEqual(
        lines,
        lines.toSorted((one, other) => one - other),
      );
    }),
    { numRuns: 300 },
  );
});

const begin = '-----BEGIN CERTIFICATE-----';
const size = 5_000_000;
const hostile: readonly (readonly [string, string])[] = [
  ['BEGIN lines without END', `${begin}\n`],
  ['END lines without BEGIN', '-----END CERTIFICATE-----\n'],
  ['BEGIN without line ends', begin],
  ['END and BEGIN joined', `-----END CERTIFICATE-----${begin}`],
  ['hyphens', '-'],
  ['blanks', ' '],
  ['line feeds', '\n'],
  ['carriage returns', '\r'],
  ['base64 on one line', 'MIIA'],
  ['base64 on many lines without BEGIN', `MII${'A'.repeat(61)}\n`],
  ['halves of armour', '--BEGIN '],
  ['halves of armour with blanks', '--BEGIN    CERT    '],
  ['blocks closed by a line that only resembles END', `${begin}\nAAAA\n--END CERTIFICATE--\n`],
  ['blocks with headers', `${begin}\nA: b\n\n-----END CERTIFICATE-----\n`],
  ['blocks with blanks inside', `${begin}\n${'A '.repeat(500)}\n-----END CERTIFICATE-----\n`],
  ['long labels', `-----BEGIN ${'A '.repeat(500)}`],
  ['good blocks', pem],
];

for (const [name, unit] of hostile) {
  test(`5 MB of ${name} → decoded in linear time`, { timeout: 20_000 }, () => {
    const text = unit.repeat(Math.ceil(size / unit.length));
    for (const input of [text, `${begin}\n${text}`, `${text}x`, `${begin}${text}`]) {
      assert.ok(decodePem(input).length <= text.length / 10);
    }
  });
}
