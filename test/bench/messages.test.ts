import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { decodeResponse, fieldOf, RequestEncoder, secretType } from '../../bench/fanout/messages.ts';
import type { Request } from '../../bench/fanout/messages.ts';
import { frameHeaderLength } from '../../src/http2/frame.ts';
import { createCompleteDecoder } from '../../src/xds/server/decode-request.ts';
import { stringField } from '../../src/xds/wire/write.ts';
import { deltaResponses, sotwResponses } from '../xds/codec.ts';

const decoder = createCompleteDecoder();
const node = stringField(1, 'proxy-000001');
const name = 'spiffe://a.test';

/** Checks the headers before a request, and returns its message. */
function messageIn(parts: Request): Buffer {
  const request = Buffer.concat(parts);
  assert.equal(request[frameHeaderLength], 0);
  assert.equal(request.readUInt32BE(frameHeaderLength + 1), request.length - frameHeaderLength - 5);
  return request.subarray(frameHeaderLength + 5);
}

suite('requests of a simulated proxy', () => {
  for (const nodeInEveryRequest of [true, false]) {
    test(`delta, node in every request ${nodeInEveryRequest}: first request and ACK`, () => {
      const encoder = new RequestEncoder({ protocol: 'delta', node, nodeInEveryRequest, name });
      const first = decoder.delta(messageIn(encoder.first('v1')), true);
      assert.equal(first.node?.id, 'proxy-000001');
      assert.deepEqual([first.typeUrl, first.subscribe, first.nonce], [secretType, [name], '']);
      assert.deepEqual([...first.initialVersions], [[name, 'v1']]);
      const ack = encoder.acknowledge({ nonce: '17', version: 'v2', resources: 1 });
      const { node: repeated, ...rest } = decoder.delta(messageIn(ack), true);
      assert.equal(repeated?.id, nodeInEveryRequest ? 'proxy-000001' : undefined);
      assert.deepEqual(rest, {
        kind: 'delta',
        typeUrl: secretType,
        subscribe: [],
        unsubscribe: [],
        initialVersions: new Map(),
        nonce: '17',
        error: undefined,
      });
    });

    test(`sotw, node in every request ${nodeInEveryRequest}: first request and ACK`, () => {
      const encoder = new RequestEncoder({ protocol: 'sotw', node, nodeInEveryRequest, name });
      const first = decoder.sotw(messageIn(encoder.first('')), true);
      assert.equal(first.node?.id, 'proxy-000001');
      assert.deepEqual([first.names, first.version, first.nonce], [[name], '', '']);
      const ack = encoder.acknowledge({ nonce: '17', version: 'v2', resources: 1 });
      const { node: repeated, ...rest } = decoder.sotw(messageIn(ack), true);
      assert.equal(repeated?.id, nodeInEveryRequest ? 'proxy-000001' : undefined);
      assert.deepEqual(rest, {
        kind: 'sotw',
        typeUrl: secretType,
        names: [name],
        version: 'v2',
        nonce: '17',
        error: undefined,
      });
    });
  }

  test('nonce of more than 127 characters: is an error', () => {
    const encoder = new RequestEncoder({ protocol: 'delta', node, nodeInEveryRequest: false, name });
    const heard = { nonce: 'n'.repeat(128), version: '', resources: 1 };
    assert.throws(() => encoder.acknowledge(heard), /too long/);
  });
});

suite('responses that a simulated proxy reads', () => {
  const resource = { type_url: secretType, value: Buffer.alloc(20_000) };

  test('delta: nonce, number of resources, and the version of the resource', () => {
    const resources = [{ name, version: 'abc', resource }];
    const bytes = deltaResponses.serialize({
      system_version_info: 'all',
      resources,
      type_url: secretType,
      nonce: '5',
    });
    const around = Buffer.concat([Buffer.from('zz'), bytes, Buffer.from('zz')]);
    const heard = decodeResponse('delta', around, 2, 2 + bytes.length);
    assert.deepEqual(heard, { nonce: '5', version: 'abc', resources: 1 });
  });

  test('delta, version after the body: is found', () => {
    const body = Buffer.concat([stringField(3, name), stringField(1, 'abc')]);
    const bytes = Buffer.concat([Buffer.from([0x12, body.length]), body]);
    assert.equal(decodeResponse('delta', bytes, 0, bytes.length).version, 'abc');
  });

  test('sotw: nonce, version, and number of resources', () => {
    const bytes = sotwResponses.serialize({
      version_info: 'v3',
      resources: [resource, resource],
      type_url: secretType,
      nonce: '6',
    });
    const heard = decodeResponse('sotw', bytes, 0, bytes.length);
    assert.deepEqual(heard, { nonce: '6', version: 'v3', resources: 2 });
  });

  test('field that is not length-delimited: is an error', () => {
    assert.throws(() => decodeResponse('sotw', Buffer.from([0x38, 1]), 0, 2), /field 7 has wire type 0/);
  });

  test('fieldOf: returns the first value with the number', () => {
    const bytes = Buffer.concat([stringField(2, 'a'), stringField(3, 'b'), stringField(3, 'c')]);
    assert.equal(fieldOf(bytes, 3)?.toString(), 'b');
    assert.equal(fieldOf(bytes, 4), undefined);
  });
});
