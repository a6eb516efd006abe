import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodePem } from '../../../src/trust/pem/decode-pem.ts';
import type { PemBlock } from '../../../src/trust/pem/decode-pem.ts';
import { encodePem } from '../../../src/trust/pem/encode-pem.ts';

/** Returns bytes that begin like a certificate of this length, so that their base64 begins with MII. */
function bytesLike(length: number, fill: number): Buffer {
  return Buffer.concat([
    Buffer.from([0x30, 0x82, (length - 4) >> 8, (length - 4) & 0xff]),
    Buffer.alloc(length - 4, fill),
  ]);
}

const first = bytesLike(400, 1);
const second = bytesLike(500, 2);
const a = encodePem(first);
const b = encodePem(second);
const body = a.split('\n').slice(1, -2).join('\n');
const linesOf = (text: string): number => text.split('\n').length - 1;

/** Formats a certificate as `index@line length`, and a refused block as `index@line code reason`. */
function brief(blocks: readonly PemBlock[]): readonly string[] {
  return blocks.map(({ index, line, ...block }) =>
    block.kind === 'certificate'
      ? `${index}@${line} ${block.der.length}`
      : `${index}@${line} ${block.code} ${block.reason}`,
  );
}

const accepted: readonly (readonly [string, string])[] = [
  ['line feeds', a],
  ['no newline at the end', a.trimEnd()],
  ['carriage returns and line feeds', a.replaceAll('\n', '\r\n')],
  ['both kinds of line end, mixed', a.replace('\n', '\r\n')],
  ['blanks and tabs at line ends', a.replaceAll('\n', ' \t \n')],
  ['one long line of base64', a.replace(body, body.replaceAll('\n', ''))],
  ['lines of 76 columns', a.replace(body, body.replaceAll('\n', '').replaceAll(/.{76}/g, '$&\n'))],
  ['lines of one character', a.replace(body, body.replaceAll('\n', '').split('').join('\n'))],
];

for (const [name, text] of accepted) {
  test(`certificate with ${name} → accepted`, () => {
    const [block, ...rest] = decodePem(text);
    assert.equal(block?.kind, 'certificate');
    assert.deepEqual(Buffer.from(block.der), first);
    assert.deepEqual(rest, []);
  });
}

test('text around blocks, as in the output of openssl and in CA bundles → dropped', () => {
  const text = `# Root — ünïcode ✓\nsubject=CN = a\n\n${a}\n===\n  Signature: 5b:a4\n--- END OF LIST ---\n${b}\n`;
  assert.deepEqual(brief(decodePem(text)), ['1@4 400', `2@${4 + linesOf(a) + 4} 500`]);
});

test('text without blocks → no block', () => {
  for (const text of ['', '\n', 'hello\nworld', '-----', '---BEGIN---', '-- begin --\n']) {
    assert.deepEqual(decodePem(text), []);
  }
});

const keyReason = 'MT011 a private key does not belong in a trust bundle; remove it and replace the key';
const labels: readonly (readonly [string, string])[] = [
  [
    'X509 CERTIFICATE',
    'MT010 a block labelled X509 CERTIFICATE is not served; convert it to CERTIFICATE (openssl x509)',
  ],
  [
    'TRUSTED CERTIFICATE',
    'MT010 a block labelled TRUSTED CERTIFICATE is not served; convert it to CERTIFICATE (openssl x509)',
  ],
  ['PRIVATE KEY', keyReason],
  ['RSA PRIVATE KEY', keyReason],
  ['EC PRIVATE KEY', keyReason],
  ['ENCRYPTED PRIVATE KEY', keyReason],
  ['OPENSSH PRIVATE KEY', keyReason],
  [
    'X509 CRL',
    'MT012 a revocation list would enable revocation checks for every CA beside it; it is not served',
  ],
  ['CERTIFICATE REQUEST', 'MT010 a block labelled CERTIFICATE REQUEST is not a certificate'],
  ['PUBLIC KEY', 'MT010 a block labelled PUBLIC KEY is not a certificate'],
  ['PKCS7', 'MT010 a block labelled PKCS7 is not a certificate'],
  ['certificate', 'MT010 a block with an unusual label is not a certificate'],
];

for (const [label, refusal] of labels) {
  test(`block labelled ${label} between two certificates → refused, and both certificates are accepted`, () => {
    const block = a.replaceAll('CERTIFICATE-----', `${label}-----`);
    const n = linesOf(a);
    assert.deepEqual(brief(decodePem(a + block + b)), [
      '1@1 400',
      `2@${1 + n} ${refusal}`,
      `3@${1 + 2 * n} 500`,
    ]);
  });
}

const keyTexts: readonly (readonly [string, string])[] = [
  ['without an END line', `-----BEGIN PRIVATE KEY-----\n${body}\n`],
  ['with another label in its END line', `-----BEGIN PRIVATE KEY-----\n${body}\n-----END CERTIFICATE-----\n`],
  ['that is indented', `  -----BEGIN PRIVATE KEY-----\n${body}\n  -----END PRIVATE KEY-----\n`],
  ['whose BEGIN line is missing', `-----END PRIVATE KEY-----\n`],
  [
    'that is encrypted in the old way',
    `-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n${body}\n-----END RSA PRIVATE KEY-----\n`,
  ],
  ['on one line', `-----BEGIN PRIVATE KEY-----${body.replaceAll('\n', '')}-----END PRIVATE KEY-----\n`],
];

for (const [name, text] of keyTexts) {
  test(`private key ${name} → reported as a private key without its content`, () => {
    assert.deepEqual(
      brief(decodePem(text + b)).map((line) => line.slice(line.indexOf(' ') + 1)),
      [keyReason, '500'],
    );
  });
}

test('private key → says apart from its code whether the block is damaged, and where it ends', () => {
  const damages = keyTexts.map(([, text]) => {
    const [block] = decodePem(text + b);
    assert.ok(block?.kind === 'refused');
    assert.equal(block.nextLine, 1 + linesOf(text));
    return block.damage;
  });
  assert.deepEqual(damages, [
    'the block has no END line before the next BEGIN line',
    'the END line and the BEGIN line have different labels',
    'blanks precede the BEGIN line',
    'the END line has no BEGIN line before it',
    undefined,
    'the whole block is on one line',
  ]);
});

test('body with a character above U+00FF whose low byte is base64 → damaged', () => {
  // `Buffer.from` reads the low byte: A is U+0041, and this one is U+0141.
  const text = a.replace(/A(?=[^-]*-----END)/, '\u0141');
  assert.ok(Buffer.from(text.split('\n').slice(1, -2).join(''), 'base64').equals(first));
  assert.deepEqual(
    decodePem(text + b).map((block) => (block.kind === 'refused' ? block.code : block.kind)),
    ['MT013', 'certificate'],
  );
});

const commented = (text: string): string => text.replaceAll(/^(?=.)/gm, '# ');

test('block with a comment sign before each line → a warning, and the other blocks are accepted', () => {
  for (const text of [
    commented(a),
    commented(a).replaceAll('\n', '\r\n'),
    commented(a).replaceAll('# ', '  #'),
    commented(a).replaceAll('\n', '\n\n'),
    commented(a).replace('\n', '\n \t\r\n'),
  ])
    assert.deepEqual(
      decodePem(text + b).map((block) => (block.kind === 'refused' ? block.code : block.kind)),
      ['MT052', 'certificate'],
    );
  assert.deepEqual(
    decodePem(commented(a) + commented(b)).map(({ index, line }) => [index, line]),
    [
      [1, 1],
      [2, 1 + a.trimEnd().split('\n').length],
    ],
  );
});

test('private key with a comment sign before each line → reported as a private key', () => {
  const text = commented(`-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`);
  const [block] = decodePem(text);
  assert.equal(block?.kind === 'refused' && block.code, 'MT011');
});

const inBody = (change: (text: string) => string): string => a.replace(body, change(body));
const malformed: readonly (readonly [string, string, string])[] = [
  ['a byte order mark before BEGIN', `\ufeff${a}`, 'a byte order mark precedes the BEGIN line'],
  ['blanks before BEGIN', `  ${a}`, 'blanks precede the BEGIN line'],
  ['an indented block', a.replaceAll(/^(?=.)/gm, '    '), 'blanks precede the BEGIN line'],
  ['a tab before END', a.replace('-----END', '\t-----END'), 'blanks precede the END line'],
  [
    'carriage returns alone',
    `${a.replaceAll('\n', '\r')}\n`,
    'lines end in a carriage return alone, not in a line feed',
  ],
  [
    'backslash and n as line ends',
    `${a.replaceAll('\n', String.raw`\n`)}\n`,
    'line ends are written as a backslash and a letter, not as line feeds',
  ],
  ['everything on one line', `${a.replaceAll('\n', ' ')}\n`, 'the whole block is on one line'],
  [
    'a comment sign before all lines but one',
    a.replaceAll(/^(?=.)/gm, '# ').replace('# -----END', '-----END'),
    'text precedes BEGIN on its line',
  ],
  ['a comment sign before BEGIN alone', `# ${a}`, 'text precedes BEGIN on its line'],
  [
    'text after BEGIN',
    a.replace('-----\n', '----- x\n'),
    'the BEGIN line is not exactly five hyphens, BEGIN, a label and five hyphens',
  ],
  [
    'text after END',
    `${a.trimEnd()}x\n`,
    'the END line is not exactly five hyphens, END, a label and five hyphens',
  ],
  [
    'one hyphen too few before BEGIN',
    a.replace('-----BEGIN', '----BEGIN'),
    'the BEGIN line is not written with five hyphens and upper-case letters',
  ],
  [
    'one hyphen too many after BEGIN',
    a.replace('-----\n', '------\n'),
    'the BEGIN line is not exactly five hyphens, BEGIN, a label and five hyphens',
  ],
  [
    'typographic dashes',
    a.replace('-----BEGIN', '––––—BEGIN').replace('-----\n', '–––––\n'),
    'the BEGIN line is not written with five hyphens and upper-case letters',
  ],
  [
    'lower-case letters',
    a.replace('BEGIN CERTIFICATE', 'begin certificate'),
    'the BEGIN line is not exactly five hyphens, BEGIN, a label and five hyphens',
  ],
  [
    'no label',
    a.replace('BEGIN CERTIFICATE', 'BEGIN '),
    'the BEGIN line is not exactly five hyphens, BEGIN, a label and five hyphens',
  ],
  [
    'a blank after the label',
    a.replace('CERTIFICATE-----', 'CERTIFICATE -----'),
    'the BEGIN line is not exactly five hyphens, BEGIN, a label and five hyphens',
  ],
  [
    'another label at END',
    a.replace('END CERTIFICATE', 'END X509 CRL'),
    'the END line and the BEGIN line have different labels',
  ],
  [
    'no END line',
    a.replace('-----END CERTIFICATE-----\n', ''),
    'the block has no END line before the next BEGIN line',
  ],
  ['no BEGIN line', a.replace('-----BEGIN CERTIFICATE-----\n', ''), 'the base64 has no BEGIN line before it'],
  ['neither BEGIN nor END', `${body}\n`, 'the base64 has no BEGIN line before it'],
  ['an END line alone', '-----END CERTIFICATE-----\n', 'the END line has no BEGIN line before it'],
  [
    'a header',
    inBody((text) => `Proc-Type: 4,CLEAR\n${text}`),
    'line 1 of the block is a header (RFC 1421), which certificates do not have',
  ],
  ['an empty line inside', inBody((text) => text.replace('\n', '\n\n')), 'line 2 of the block is empty'],
  ['an empty line first', inBody((text) => `\n${text}`), 'line 1 of the block is empty'],
  ['a blank line last', inBody((text) => `${text}\n `), `line ${linesOf(body) + 2} of the block is empty`],
  ['blanks before a line', inBody((text) => text.replace('\n', '\n ')), 'blanks precede line 2 of the block'],
  [
    'blanks inside a line',
    inBody((text) => `${text.slice(0, 10)} ${text.slice(10)}`),
    'line 1 of the block has blanks inside',
  ],
  ['nothing inside', inBody(() => '').replace('\n\n', '\n'), 'the block is empty'],
  ['only empty lines inside', inBody(() => '\n\n'), 'the block is empty'],
  [
    'the alphabet of URLs',
    inBody((text) => text.replace('A', '_')),
    'line 1 of the block has a character that is not base64',
  ],
  [
    'a form feed at a line end',
    inBody((text) => text.replace('\n', '\f\n')),
    'line 1 of the block has a character that is not base64',
  ],
  [
    'a letter that only looks like base64',
    inBody((text) => text.replace('A', '\u0391')),
    'line 1 of the block has a character that is not base64',
  ],
  [
    'a character missing',
    inBody((text) => text.replace('A', '')),
    'the base64 is cut short or its padding is incomplete',
  ],
  [
    'padding missing',
    inBody((text) => text.replaceAll('=', '')),
    'the base64 is cut short or its padding is incomplete',
  ],
  [
    'padding in the middle',
    inBody((text) => text.replace('B\n', '=\n')),
    'line 1 of the block has padding before the end',
  ],
  [
    'three padding characters',
    inBody((text) => text.replace(/..==$/, 'A===')),
    'the base64 padding is not at its end',
  ],
  [
    'unused bits that are set',
    inBody((text) => text.replace(/.==$/, 'R==')),
    'the last base64 character has unused bits that are set',
  ],
];

test('body of the damaged blocks: has the padding that the cases damage', () => {
  assert.match(body, /B\n[^]*AQ==$/);
});

for (const [name, text, reason] of malformed) {
  test(`block with ${name} → refused, and both neighbours are accepted`, () => {
    const n = linesOf(text);
    assert.deepEqual(brief(decodePem(b + text + b)), [
      '1@1 500',
      `2@${1 + linesOf(b)} MT013 ${reason}`,
      `3@${1 + linesOf(b) + n} 500`,
    ]);
  });
}

test('unterminated block at the end of the text → only that block is refused', () => {
  assert.deepEqual(brief(decodePem(`${a}-----BEGIN CERTIFICATE-----\n${body}`)), [
    '1@1 400',
    `2@${1 + linesOf(a)} MT013 the block has no END line before the end of the text`,
  ]);
});

test('END and BEGIN on one line → both certificates are refused', () => {
  assert.deepEqual(brief(decodePem(a.trimEnd() + a + b)), [
    '1@1 MT013 a BEGIN follows the END on the same line',
    `2@${linesOf(a)} MT013 a BEGIN follows the END on the same line`,
    `3@${2 * linesOf(a)} 500`,
  ]);
});

test('two BEGIN lines in a row → the block after them is accepted', () => {
  assert.deepEqual(brief(decodePem(`-----BEGIN CERTIFICATE-----\n${a}`)), [
    '1@1 MT013 the block has no END line before the next BEGIN line',
    '2@2 400',
  ]);
});

test('label that is long or unusual → not quoted', () => {
  const label = 'SECRET-abcdefgh';
  const blocks = brief(decodePem(`-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`));
  assert.deepEqual(blocks, ['1@1 MT010 a block with an unusual label is not a certificate']);
});
