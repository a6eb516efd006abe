import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { DeltaRequest } from '../../../src/xds/core/request.ts';
import { RepeatedAck } from '../../../src/xds/server/repeated-ack.ts';

const ack: DeltaRequest = {
  kind: 'delta',
  node: undefined,
  typeUrl: 'type',
  subscribe: [],
  unsubscribe: [],
  initialVersions: new Map(),
  nonce: 'n-1',
  error: undefined,
};

suite('repeated ACK', () => {
  test('equal bytes: are the same request', () => {
    const acks = new RepeatedAck();
    acks.keep(Buffer.from('bytes of an ACK'), ack);
    assert.equal(acks.find(Buffer.from('bytes of an ACK')), ack);
  });

  test('buffer of the kept bytes is overwritten → the request is still found by its bytes', () => {
    const acks = new RepeatedAck();
    const shared = Buffer.from('bytes of an ACK');
    acks.keep(shared, ack);
    shared.fill(0);
    assert.equal(acks.find(shared), undefined);
    assert.equal(acks.find(Buffer.from('bytes of an ACK')), ack);
  });

  for (const other of ['bytes of an ACX', 'bytes of an ACK2', 'bytes of an AC', '']) {
    test(`bytes "${other}": are not found`, () => {
      const acks = new RepeatedAck();
      acks.keep(Buffer.from('bytes of an ACK'), ack);
      assert.equal(acks.find(Buffer.from(other)), undefined);
    });
  }

  const notKept: Readonly<Record<string, readonly [Buffer, DeltaRequest]>> = {
    NACK: [Buffer.from('x'), { ...ack, error: { code: 13, message: 'invalid' } }],
    subscription: [Buffer.from('x'), { ...ack, subscribe: ['a'] }],
    'end of a subscription': [Buffer.from('x'), { ...ack, unsubscribe: ['a'] }],
    'request with versions': [Buffer.from('x'), { ...ack, initialVersions: new Map([['a', '1']]) }],
    'long request': [Buffer.alloc(300), ack],
  };
  for (const [what, [bytes, request]] of Object.entries(notKept)) {
    test(`${what}: is returned and not kept`, () => {
      const acks = new RepeatedAck();
      assert.equal(acks.keep(bytes, request), request);
      assert.equal(acks.find(bytes), undefined);
    });
  }
});
