import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { createCompleteDecoder, createRequestDecoder } from '../../../src/xds/server/decode-request.ts';
import { decodePlainDelta, decodePlainSotw } from '../../../src/xds/server/decode-plain.ts';
import { typeUrls } from '../../../src/xds/index.ts';
import { concat, field, varint } from '../../../src/wire/write.ts';
import { deltaRequests, sotwRequests } from '../codec.ts';

const complete = createCompleteDecoder();
const decoder = createRequestDecoder();

const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '*', '__proto__', 'constructor'));
const url = fc.oneof(text, fc.constant(typeUrls.secret));
const names = fc.array(text, { maxLength: 4 });
const node = fc.option(
  fc.record({
    id: text,
    cluster: text,
    metadata: fc.option(
      fc.dictionary(fc.string(), fc.string()).map((values) => ({
        fields: Object.fromEntries(
          Object.entries(values).map(([key, value]) => [key, { stringValue: value }]),
        ),
      })),
      { nil: null },
    ),
    user_agent_name: text,
    user_agent_version: text,
  }),
  { nil: null },
);
const error = fc.option(fc.record({ code: fc.nat(16), message: text }), { nil: null });
const deltaMessage = fc.record({
  node,
  type_url: url,
  resource_names_subscribe: names,
  resource_names_unsubscribe: names,
  initial_resource_versions: fc.dictionary(text, text),
  response_nonce: text,
  error_detail: error,
});
const sotwMessage = fc.record({
  version_info: text,
  node,
  resource_names: names,
  type_url: url,
  response_nonce: text,
  error_detail: error,
});
/** Fields that belong to no request, or not with this wire type. */
const strange = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 40 }), fc.uint8Array()).map(([number, value]) => field(number, value)),
  fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.nat())
    .map(([number, value]) => concat([varint(number * 8), varint(value)])),
  fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.uint8Array({ minLength: 8, maxLength: 8 }))
    .map(([number, value]) => concat([varint(number * 8 + 1), value])),
  fc.uint8Array({ maxLength: 8 }),
);

type Decode = (bytes: Buffer, wantsNode: boolean) => unknown;

/** What a decoder makes of bytes; every error is one. */
function outcome(decode: Decode, bytes: Uint8Array, wantsNode = true): unknown {
  try {
    return decode(Buffer.from(bytes), wantsNode);
  } catch {
    return 'refused';
  }
}

for (const [name, plain, reference, codec, message] of [
  ['delta', decoder.delta, complete.delta, deltaRequests, deltaMessage],
  ['SotW', decoder.sotw, complete.sotw, sotwRequests, sotwMessage],
] as const) {
  suite(`requests read by hand are those that the complete decoder reads, ${name}`, () => {
    const encoded = (message as fc.Arbitrary<object>).map((value) => codec.serialize(value));
    const agree = (bytes: Uint8Array): void => {
      assert.deepEqual(outcome(plain, bytes), outcome(reference, bytes));
    };

    test('messages', () => {
      fc.assert(fc.property(encoded, agree));
    });

    test('messages with strange fields before, after and between', () => {
      fc.assert(
        fc.property(fc.array(fc.oneof(encoded, strange), { maxLength: 4 }), (parts) => agree(concat(parts))),
        { numRuns: 1_000 },
      );
    });

    test('messages cut short, or with a byte changed', () => {
      fc.assert(
        fc.property(encoded, fc.nat(), fc.nat(255), (bytes, at, value) => {
          agree(bytes.subarray(0, at % (bytes.length + 1)));
          const changed = Buffer.from(bytes);
          if (changed.length > 0) changed[at % changed.length] = value;
          agree(changed);
        }),
        { numRuns: 1_000 },
      );
    });

    test('any bytes', () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), agree), { numRuns: 1_000 });
    });

    test('a node that is not wanted changes nothing else', () => {
      fc.assert(
        fc.property(encoded, (bytes) => {
          const without = outcome(plain, bytes, false) as object;
          const all = outcome(reference, bytes) as object;
          assert.deepEqual({ ...without, node: undefined }, { ...all, node: undefined });
        }),
      );
    });
  });
}

test('what Envoys send is read by hand', () => {
  const secret = { node: { id: 'n' }, type_url: typeUrls.secret };
  const delta = [
    { ...secret, resource_names_subscribe: ['a', '*'], initial_resource_versions: { a: '1' } },
    { type_url: typeUrls.secret, response_nonce: 'n-1' },
    { ...secret, resource_names_unsubscribe: ['a'] },
  ];
  const unread = (): undefined => undefined;
  for (const message of delta) {
    assert.notEqual(decodePlainDelta(deltaRequests.serialize(message), unread), undefined);
  }
  const sotw = [
    { ...secret, resource_names: ['a'] },
    { ...secret, resource_names: ['a'], version_info: '1', response_nonce: 'n-1' },
  ];
  for (const message of sotw) {
    assert.notEqual(decodePlainSotw(sotwRequests.serialize(message), unread), undefined);
  }
});

test('a refusal is left to the complete decoder', () => {
  const bytes = deltaRequests.serialize({ response_nonce: 'n', error_detail: { code: 13, message: 'no' } });
  assert.equal(decodePlainDelta(bytes, undefined), undefined);
  assert.deepEqual(decoder.delta(bytes, false).error, { code: 13, message: 'no' });
});

test('a node that is not wanted is not read', () => {
  const broken = concat([field(1, Buffer.from('0aff', 'hex')), field(2, Buffer.from('t'))]);
  assert.equal(outcome(decoder.delta, broken, true), 'refused');
  assert.equal(decoder.delta(broken, false).typeUrl, 't');
});
