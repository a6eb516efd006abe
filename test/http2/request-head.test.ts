import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { encodeLiteral } from '../../src/http2/hpack/encode-field.ts';
import { flag, frameType } from '../../src/http2/frame.ts';
import { frame, makeConnection, preface } from './rig.ts';

const complete = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/x'],
] as const;

/** Sends a request with these fields, and returns what the application and the client got. */
function send(fields: readonly (readonly [string, string])[]): readonly string[] {
  const rig = makeConnection();
  rig.feed(preface);
  rig.sent();
  const block = Buffer.concat(fields.map(([name, value]) => encodeLiteral(name, value, 'none')));
  rig.feed(frame(frameType.headers, flag.endHeaders | flag.endStream, 1, block));
  return [...rig.events, ...rig.sent().map(({ type }) => type)];
}

suite('request head', () => {
  test('all pseudo-header fields: is a request', () => {
    assert.deepEqual(send(complete), ['request 1 POST /x', 'ended 1']);
  });

  for (const [missing] of complete)
    test(`missing ${missing}: the stream is reset`, () => {
      assert.deepEqual(send(complete.filter(([name]) => name !== missing)), ['rstStream']);
    });

  for (const [empty] of complete)
    test(`empty ${empty}: the stream is reset`, () => {
      assert.deepEqual(send(complete.map(([name, value]) => [name, name === empty ? '' : value] as const)), [
        'rstStream',
      ]);
    });
});
