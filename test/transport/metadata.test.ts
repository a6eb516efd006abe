import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HeaderField } from '../../src/http2/hpack/header-field.ts';
import { metadataOf } from '../../src/transport/metadata.ts';

const metadata = metadataOf(
  [
    ['content-type', 'application/grpc'],
    ['user-agent', 'test'],
    ['grpc-timeout', '1S'],
    ['x-key', 'a'],
    ['raw-bin', 'YQ, Yg=='],
    ['x-key', 'b'],
    ['raw-bin', 'Yw'],
  ].map(([name = '', value = '']) => new HeaderField(name, value)),
);

suite('metadata of a request', () => {
  test('get: all values in order, for a key in any case; bytes of keys that end in -bin', () => {
    assert.deepEqual(metadata.get('X-Key'), ['a', 'b']);
    assert.deepEqual(metadata.get('raw-bin').map(String), ['a', 'b', 'c']);
    assert.deepEqual(metadata.get('none'), []);
  });

  test('fields of the protocol: are no metadata, except for user-agent', () => {
    assert.deepEqual(metadata.get('grpc-timeout'), []);
    assert.deepEqual(metadata.get('content-type'), []);
    assert.deepEqual(metadata.get('user-agent'), ['test']);
  });

  test('getMap: the first value of each key', () => {
    assert.deepEqual(
      { ...metadata.getMap() },
      { 'user-agent': 'test', 'x-key': 'a', 'raw-bin': Buffer.from('a') },
    );
  });

  test('value with thousands of parts: is not decoded unless it is read', () => {
    const costly = new HeaderField('raw-bin', ',');
    Object.defineProperty(costly, 'value', { get: () => assert.fail('the value was read') });
    const costlyMetadata = metadataOf([costly, new HeaderField('x-key', 'a')]);
    assert.deepEqual(costlyMetadata.get('x-key'), ['a']);
    assert.throws(() => costlyMetadata.get('raw-bin'), /the value was read/);
  });
});
