import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import { encodeResponse } from '../../../src/xds/core/encode.ts';
import { createFrames } from '../../../src/xds/core/frames.ts';
import { deltaResponses, sotwResponses } from '../codec.ts';
import { createResourceSet } from '../../../src/xds/core/resource.ts';
import { resource } from '../vocabulary.ts';

const typeUrl = 'type.googleapis.com/test.T';

suite('encoded responses', () => {
  const text = fc.string({ unit: 'grapheme' });
  const filled = text.filter((value) => value !== '');
  const content = fc.record({
    typeUrl: text,
    version: text,
    resources: fc.array(
      fc.record({ name: filled, version: text, body: fc.uint8Array() }).map((each) => ({ ...each })),
      { maxLength: 4 },
    ),
    removed: fc.array(filled, { maxLength: 3 }),
  });

  test('delta: decodes to the encoded content', () => {
    fc.assert(
      fc.property(content, text, text, (response, nonce, identifier) => {
        const bytes = Buffer.from(encodeResponse('delta', response, nonce, identifier));
        const decoded = deltaResponses.deserialize(bytes);
        assert.deepEqual(decoded, {
          system_version_info: response.version,
          resources: response.resources.map(({ name, version, body }) => ({
            name,
            version,
            resource: { type_url: response.typeUrl, value: Buffer.from(body) },
          })),
          removed_resources: response.removed,
          type_url: response.typeUrl,
          nonce,
          control_plane: identifier === '' ? null : { identifier },
        });
      }),
    );
  });

  test('SotW: decodes to the encoded content', () => {
    fc.assert(
      fc.property(content, text, text, (response, nonce, identifier) => {
        const bytes = Buffer.from(encodeResponse('sotw', response, nonce, identifier));
        assert.deepEqual(sotwResponses.deserialize(bytes), {
          version_info: response.version,
          resources: response.resources.map(({ body }) => ({
            type_url: response.typeUrl,
            value: Buffer.from(body),
          })),
          type_url: response.typeUrl,
          nonce,
          control_plane: identifier === '' ? null : { identifier },
        });
      }),
    );
  });
});

suite('frames', () => {
  const one = { typeUrl, version: 'v', resources: [resource('a', '1')], removed: [] };

  test('frame: keeps no memory beside its bytes', () => {
    const { framed } = createFrames('i', 'id').get('delta', one, 0);
    assert.equal(framed.buffer.byteLength, framed.length);
  });

  test('resource that is not in its set: is encoded once for the last 1,000 of them', () => {
    const frames = createFrames('i', 'id');
    const encode = (name: string, of = resource(name, '1')) =>
      [of, frames.one('delta', typeUrl, 'v', of, undefined, 0)] as const;
    const [first, frame] = encode('first');
    for (let count = 1; count < 1_000; count += 1) encode(`${count}`);
    assert.equal(encode('first', first)[1], frame);
    encode('one more');
    assert.notEqual(encode('first', first)[1], frame);
  });

  test('resource that was in its set before, and is sent again after a NACK: keeps its frame', () => {
    const frames = createFrames('i', 'id');
    const [before, after] = [resource('a', '1'), resource('a', '2')];
    const [frame] = [before, after].map((of) =>
      frames.one('delta', typeUrl, 'v', of, createResourceSet([of]), 0),
    );
    assert.equal(frames.one('delta', typeUrl, 'v', before, createResourceSet([after]), 0), frame);
  });

  test('same content on several streams: is encoded once', () => {
    const frames = createFrames('i', 'id');
    const first = frames.get('delta', one, 0);
    assert.equal(frames.get('delta', { ...one }, 0), first);
    assert.notEqual(frames.get('sotw', one, 0), first);
    assert.notEqual(frames.get('delta', { ...one, version: 'w' }, 0), first);
    assert.equal(frames.get('delta', one, 0), first);
  });

  test('same content again on a stream: gets a new nonce, which other streams share', () => {
    const frames = createFrames('i', '');
    const first = frames.get('delta', one, 0);
    const again = frames.get('delta', one, first.sequence);
    assert.notEqual(again.nonce, first.nonce);
    assert.ok(again.sequence > first.sequence);
    assert.equal(frames.get('delta', one, 0), again);
  });

  test('several resources, or removals: are not cached', () => {
    const frames = createFrames('i', '');
    const removal = { ...one, resources: [], removed: ['x'] };
    assert.notEqual(frames.get('delta', removal, 0), frames.get('delta', removal, 0));
  });

  test('nonce: starts with the instance', () => {
    assert.match(createFrames('replica-1', '').get('delta', one, 0).nonce, /^replica-1-/);
  });

  test('old versions of the set: leave the cache', () => {
    const frames = createFrames('i', '');
    const first = frames.get('delta', one, 0);
    for (let version = 0; version < 4; version += 1)
      frames.get('delta', { ...one, version: `${version}` }, 0);
    assert.notEqual(frames.get('delta', one, 0), first);
  });
});
