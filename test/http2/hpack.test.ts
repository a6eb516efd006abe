import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../kit/fast-check.ts';
import { HpackDecoder, HpackError } from '../../src/http2/hpack/decoder.ts';
import { emptyTable, encodeIndexed, encodeLiteral } from '../../src/http2/hpack/encode-field.ts';
import { decodeHuffman } from '../../src/http2/hpack/huffman.ts';
import { SharedFields } from '../../src/http2/hpack/shared-fields.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');

function decoder(): (block: Uint8Array) => readonly string[] {
  const hpack = new HpackDecoder(new SharedFields());
  return (block) => {
    const fields: string[] = [];
    const source = Buffer.from(block);
    hpack.decode(source, 0, source.length, ({ name, value }) => fields.push(`${name}: ${value}`));
    return fields;
  };
}

const request = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];

/** The examples of RFC 7541, appendix C. Each list has the blocks of one connection. */
const examples: Readonly<Record<string, readonly (readonly [hex: string, fields: readonly string[]])[]>> = {
  'C.2.1 literal with indexing': [
    ['400a637573746f6d2d6b65790d637573746f6d2d686561646572', ['custom-key: custom-header']],
  ],
  'C.2.2 literal without indexing': [['040c2f73616d706c652f70617468', [':path: /sample/path']]],
  'C.2.3 literal never indexed': [['100870617373776f726406736563726574', ['password: secret']]],
  'C.2.4 indexed field': [['82', [':method: GET']]],
  'C.3 requests without Huffman coding': [
    ['828684410f7777772e6578616d706c652e636f6d', request],
    ['828684be58086e6f2d6361636865', [...request, 'cache-control: no-cache']],
    [
      '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
      [
        ':method: GET',
        ':scheme: https',
        ':path: /index.html',
        ':authority: www.example.com',
        'custom-key: custom-value',
      ],
    ],
  ],
  'C.4 requests with Huffman coding': [
    ['828684418cf1e3c2e5f23a6ba0ab90f4ff', request],
    ['828684be5886a8eb10649cbf', [...request, 'cache-control: no-cache']],
    [
      '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
      [
        ':method: GET',
        ':scheme: https',
        ':path: /index.html',
        ':authority: www.example.com',
        'custom-key: custom-value',
      ],
    ],
  ],
};

suite('HPACK decoder', () => {
  for (const [name, blocks] of Object.entries(examples)) {
    test(`RFC 7541, ${name}: the headers of the RFC`, () => {
      const decode = decoder();
      for (const [hex, fields] of blocks) assert.deepEqual(decode(bytes(hex)), fields);
    });
  }

  test('entry that does not fit: the oldest entries are evicted, and their index is an error', () => {
    const decode = decoder();
    const value = 'v'.repeat(1968); // Two of them fit into 4,096 bytes.
    for (const name of ['a', 'b', 'c']) decode(encodeLiteral(name, value, 'incremental'));
    assert.deepEqual(decode(encodeIndexed(62)), [`c: ${value}`]);
    assert.deepEqual(decode(encodeIndexed(63)), [`b: ${value}`]);
    assert.throws(() => decode(encodeIndexed(64)), HpackError);
  });

  test('entry larger than the table: the table becomes empty, and the field is read', () => {
    const decode = decoder();
    decode(encodeLiteral('a', '1', 'incremental'));
    assert.equal(decode(encodeLiteral('big', 'v'.repeat(4096), 'incremental')).length, 1);
    assert.throws(() => decode(encodeIndexed(62)), HpackError);
  });

  test('size update to 0: the table becomes empty', () => {
    const decode = decoder();
    decode(encodeLiteral('a', '1', 'incremental'));
    assert.deepEqual(decode(Buffer.concat([emptyTable, encodeIndexed(2)])), [':method: GET']);
    assert.throws(() => decode(encodeIndexed(62)), HpackError);
  });

  test('thousands of evicted entries: the list of entries stays short', () => {
    const hpack = new HpackDecoder(new SharedFields());
    for (let index = 0; index < 5000; index += 1) {
      const block = Buffer.from(encodeLiteral('k', String(index), 'incremental'));
      hpack.decode(block, 0, block.length, () => undefined);
    }
    assert.ok(hpack.dynamicEntries.length <= 4096 / 34);
    assert.equal(hpack.dynamicEntries.at(-1)?.value, '4999');
  });

  const malformed: Readonly<Record<string, string>> = {
    'index 0': '80',
    'index past the tables': 'be',
    'index of a name past the tables': '7e0131',
    'integer that does not end': 'ff80',
    'integer of more than 4 octets': 'ff8080808000',
    'truncated string': '400a6375',
    'missing value': '4001',
    'literal without a name': '40',
    'size update above the limit': '3fe21f',
    'size update after a field': '8220',
    'three size updates': '20202082',
    'Huffman: EOS in a string': '4084ffffffff0131',
    'Huffman: padding of zeros': '408118 0131',
    'Huffman: padding of a whole octet': '40821fff0131',
  };
  for (const [what, hex] of Object.entries(malformed)) {
    test(`${what}: HpackError`, () => assert.throws(() => decoder()(bytes(hex)), HpackError));
  }

  test('random octets: fields or an HpackError, no other error', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 4 }), (blocks) => {
        const decode = decoder();
        try {
          for (const block of blocks) decode(block);
        } catch (error) {
          assert.ok(error instanceof HpackError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('encoded field: is decoded to the same field', () => {
    const text = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text, fc.boolean()), { maxLength: 20 }), (fields) => {
        const decode = decoder();
        for (const [name, value, indexes] of fields) {
          const block = encodeLiteral(name, value, indexes ? 'incremental' : 'none');
          assert.deepEqual(decode(block), [`${name}: ${value}`]);
        }
      }),
    );
  });
});

suite('shared fields', () => {
  test('equal fields: share one object, except for credentials', () => {
    const shared = new SharedFields();
    assert.equal(shared.get('a', '1'), shared.get('a', '1'));
    assert.notEqual(shared.get('a', '1'), shared.get('a', '2'));
    assert.notEqual(shared.get('authorization', 'x'), shared.get('authorization', 'x'));
  });

  test('field of 256 characters: is shared; a longer name or value is not', () => {
    const shared = new SharedFields();
    const [short, long] = ['x'.repeat(255), 'x'.repeat(256)];
    assert.equal(shared.get('a', short), shared.get('a', short));
    assert.notEqual(shared.get('a', long), shared.get('a', long));
    assert.notEqual(shared.get(long, 'a'), shared.get(long, 'a'));
  });

  test('name with a line feed: is not confused with a value', () => {
    const shared = new SharedFields();
    assert.equal(shared.get('a\n', 'b').name, 'a\n');
    assert.equal(shared.get('a', '\nb').name, 'a');
  });

  test('more fields than the cache holds: later fields are still right', () => {
    const shared = new SharedFields();
    for (let index = 0; index < 10_000; index += 1)
      assert.equal(shared.get('k', String(index)).value, String(index));
    assert.equal(shared.get('k', '7').value, '7');
  });
});

suite('Huffman decoder', () => {
  test('empty string: is decoded', () => {
    // Other strings: the requests of node:http2 in test/transport have Huffman-coded values.
    assert.equal(decodeHuffman(Buffer.alloc(0), 0, 0), '');
  });

  test('padding: up to 7 ones are accepted, zeros are not', () => {
    // The code of '0' is 00000, and three bits of padding follow.
    assert.equal(decodeHuffman(Buffer.of(0b00000111), 0, 1), '0');
    assert.equal(decodeHuffman(Buffer.of(0b00000110), 0, 1), undefined);
  });
});
