import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readLogMessage } from '../../src/access-log/read-message.ts';
import type { LogMessage } from '../../src/access-log/read-message.ts';
import { decodeLogMessage, encodeLogMessage, entryOf, identifierOf } from '../kit/access-log-client.ts';
import type { LogMessageObject } from '../kit/access-log-client.ts';
import * as fc from '../kit/fast-check.ts';

const [a, b] = ['a'.repeat(64), 'b'.repeat(64)] as const;
const read = (message: LogMessageObject): LogMessage | undefined => readLogMessage(encodeLogMessage(message));
const tcp = (...entries: readonly LogMessageObject[]): LogMessageObject => ({
  tcp_logs: { log_entry: entries },
});
const http = (...entries: readonly LogMessageObject[]): LogMessageObject => ({
  http_logs: { log_entry: entries },
});

/** The same by the complete decoder. */
function expectedOf(bytes: Buffer): LogMessage {
  interface Decoded {
    readonly identifier?: {
      readonly node?: { readonly id: string; readonly metadata?: { readonly fields?: Fields } | null } | null;
    } | null;
    readonly http_logs?: Entries;
    readonly tcp_logs?: Entries;
  }
  type Fields = Readonly<Record<string, { readonly stringValue?: string; readonly kind?: string }>>;
  type Entries = {
    readonly log_entry: readonly {
      readonly common_properties: { readonly custom_tags: Readonly<Record<string, string>> } | null;
    }[];
  };
  const { identifier, http_logs: ofHttp, tcp_logs: ofTcp } = decodeLogMessage(bytes) as Decoded;
  const issuers = new Map<string, number>();
  let without = 0;
  for (const { common_properties: common } of (ofHttp ?? ofTcp)?.log_entry ?? []) {
    const found = Object.entries(common?.custom_tags ?? {}).find(
      ([name, value]) => /issuer/i.test(name) && /^[0-9a-f]{64}$/.test(value),
    );
    if (found === undefined) without += 1;
    else issuers.set(found[1], (issuers.get(found[1]) ?? 0) + 1);
  }
  const node = identifier?.node;
  const mesh = node?.metadata?.fields?.['mesh'];
  return {
    node: identifier == null ? undefined : { id: node?.id ?? '', mesh: mesh?.stringValue },
    without,
    issuers,
  };
}

const tags = fc.dictionary(
  fc.constantFrom('peer_issuer', 'Issuer', 'other', 'x'.repeat(200)),
  fc.constantFrom(a, b, a.toUpperCase(), a.slice(1), '', `${a}0`),
);
const entries = fc.array(fc.oneof(tags.map(entryOf), fc.constant({})), { maxLength: 5 });
const message: fc.Arbitrary<LogMessageObject> = fc
  .tuple(
    fc.option(
      fc.tuple(fc.string(), fc.option(fc.constantFrom('default', 'mesh-1', ''), { nil: undefined })),
      { nil: undefined },
    ),
    entries,
    fc.boolean(),
  )
  .map(([node, list, isTcp]) => ({
    ...(node && { identifier: identifierOf(...node) }),
    ...(isTcp ? tcp(...list) : http(...list)),
  }));

suite('messages of access logs', () => {
  test('the issuer of a client: is the first tag whose name contains issuer and whose value is a fingerprint', () => {
    assert.deepEqual(read(tcp(entryOf({ peer_issuer: a }), entryOf({ Issuer: b }), entryOf({ issuer: a }))), {
      node: undefined,
      without: 0,
      issuers: new Map([
        [a, 2],
        [b, 1],
      ]),
    });
  });

  for (const [name, value] of [
    ['another name', entryOf({ peer: a })],
    ['no fingerprint', entryOf({ issuer: '-' })],
    ['upper case', entryOf({ issuer: a.toUpperCase() })],
    ['no properties', {}],
  ] as const)
    test(`entry with ${name}: counts as one without an issuer`, () => {
      assert.deepEqual(read(http(value)), { node: undefined, without: 1, issuers: new Map() });
    });

  test('any message: is read as by the complete decoder', () => {
    fc.assert(
      fc.property(message, (one) => {
        const bytes = encodeLogMessage(one);
        assert.deepEqual(readLogMessage(bytes), expectedOf(bytes));
      }),
    );
  });

  test('any bytes: are a message or none, without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readLogMessage(Buffer.from(bytes));
      }),
    );
  });

  test('a truncated message: is refused', () => {
    const bytes = encodeLogMessage({
      identifier: identifierOf('node', 'default'),
      ...tcp(entryOf({ issuer: a })),
    });
    for (const length of [1, 5, bytes.length - 70, bytes.length - 1])
      assert.equal(readLogMessage(bytes.subarray(0, length)), undefined, `${length} bytes`);
  });

  test('too many entries: the message is refused', () => {
    const many = (count: number): LogMessageObject => tcp(...Array.from({ length: count }, () => ({})));
    assert.equal(read(many(8_192))?.without, 8_192);
    assert.equal(read(many(8_193)), undefined);
  });
});
