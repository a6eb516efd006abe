import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { createCompleteDecoder, createRequestDecoder } from '../../../src/xds/server/decode-request.ts';
import { decodePlainDelta, decodePlainSotw } from '../../../src/xds/server/decode-plain.ts';
import { typeUrls } from '../../../src/xds/index.ts';
import { concat, field, varint } from '../../../src/xds/wire/write.ts';
import type { DeltaRequest } from '../../../src/xds/core/request.ts';
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
/** Fields that no request has, or not with this wire type. */
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

/** Returns the result of a decoder, or the same value for every error. */
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
  suite(`hand-written decoder equals the complete decoder, ${name}`, () => {
    const encoded = (message as fc.Arbitrary<object>).map((value) => codec.serialize(value));
    const agree = (bytes: Uint8Array): void => {
      assert.deepEqual(outcome(plain, bytes), outcome(reference, bytes));
    };

    test('random messages: the same fields', () => {
      fc.assert(fc.property(encoded, agree));
    });

    test('messages with unknown fields before, after and between: the same fields', () => {
      fc.assert(
        fc.property(fc.array(fc.oneof(encoded, strange), { maxLength: 4 }), (parts) => agree(concat(parts))),
        { numRuns: 1_000 },
      );
    });

    test('truncated messages, and messages with a changed byte: the same fields, or both refuse', () => {
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

    test('any bytes: the same fields, or both refuse', () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), agree), { numRuns: 1_000 });
    });

    test('node that is not needed: does not affect the other fields', () => {
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

test('requests of Envoy: are read by hand', () => {
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

test('NACK: is read by hand, with details by the complete decoder', () => {
  const bytes = deltaRequests.serialize({ response_nonce: 'n', error_detail: { code: 13, message: 'no' } });
  assert.deepEqual(decodePlainDelta(bytes, undefined)?.error, { code: 13, message: 'no' });
  const withDetails = Buffer.from(
    field(7, concat([field(2, Buffer.from('no')), field(3, Buffer.from('detail'))])),
  );
  assert.equal(decodePlainDelta(withDetails, undefined), undefined);
  assert.deepEqual(decoder.delta(withDetails, false).error, { code: 0, message: 'no' });
});

suite('decoder with metadataNames', () => {
  const reduced = createRequestDecoder({ metadataNames: ['mesh'] });

  test('node: equals that of the complete decoder, with only the named strings as metadata', () => {
    fc.assert(
      fc.property(deltaMessage, fc.option(text, { nil: undefined }), (message, mesh) => {
        const fields = message.node?.metadata?.fields ?? {};
        const metadata = { fields: mesh === undefined ? fields : { ...fields, mesh: { stringValue: mesh } } };
        const node = message.node && { ...message.node, metadata };
        const bytes = deltaRequests.serialize({ ...message, node });
        const meshAlone = ({ node: read, ...rest }: DeltaRequest): unknown => ({
          ...rest,
          node: read && { ...read, metadata: read.metadata['mesh'] },
        });
        assert.deepEqual(meshAlone(reduced.delta(bytes, true)), meshAlone(complete.delta(bytes, true)));
      }),
    );
  });

  test('version of Envoy: is read; metadata of another type: is null', () => {
    const version = { major_number: 1, minor_number: 40, patch: 2 };
    const node = {
      user_agent_name: 'envoy',
      user_agent_build_version: { version, metadata: { fields: { a: { numberValue: 1 } } } },
      metadata: { fields: { mesh: { numberValue: 4 }, other: { structValue: { fields: {} } } } },
    };
    const read = reduced.delta(deltaRequests.serialize({ node }), true).node;
    assert.deepEqual(
      [read?.userAgentName, read?.userAgentVersion, { ...read?.metadata }],
      ['envoy', '1.40.2', { mesh: null }],
    );
  });

  test('random bytes as a node: are rejected or equal, as by the complete decoder', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const read = outcome(reduced.delta, concat([field(1, bytes)]));
        assert.ok(read === 'refused' || typeof read === 'object');
      }),
      { numRuns: 1_000 },
    );
  });

  test('long request that is not plain: is rejected', () => {
    const fields = Object.fromEntries(
      Array.from({ length: 20_000 }, (_, index) => [`${index}`, { numberValue: 1 }]),
    );
    const bytes = deltaRequests.serialize({ type_url: 't', node: { id: 'n', metadata: { fields } } });
    assert.equal(reduced.delta(bytes, true).node?.id, 'n');
    // No client sends a second node.
    assert.equal(outcome(reduced.delta, concat([bytes, bytes])), 'refused');
  });
});

test('node that is not needed: is not decoded', () => {
  const broken = concat([field(1, Buffer.from('0aff', 'hex')), field(2, Buffer.from('t'))]);
  assert.equal(outcome(decoder.delta, broken, true), 'refused');
  assert.equal(decoder.delta(broken, false).typeUrl, 't');
});
