import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { findOtherNodeId, refuseOtherNode } from '../../../src/xds/server/later-node.ts';

/** Encodes a field with a length. */
function field(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  assert.ok(bytes.length < 128);
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
}

const id = (text: string): Buffer => field(1, text);
const cluster = field(2, 'cluster');
const nodeField = 2;
const node = (...parts: readonly Buffer[]): Buffer => field(nodeField, Buffer.concat(parts));

suite('node of a later request', () => {
  const table: readonly (readonly [string, readonly Buffer[], string | undefined])[] = [
    ['no node', [field(1, 'version'), field(4, 'type')], undefined],
    ['the same id', [node(id('a'), cluster)], undefined],
    ['no id', [node(cluster)], undefined],
    ['an empty id', [node(id(''))], undefined],
    ['another id', [field(1, 'version'), node(id('b'), cluster)], 'b'],
    ['another id after other fields', [node(cluster, id('b'))], 'b'],
    ['two ids, of which the last counts', [node(id('a'), id('b'))], 'b'],
    ['two nodes, of which the last counts', [node(id('a')), node(id('b'))], 'b'],
    ['an id with the same beginning', [node(id('ab'))], 'ab'],
    ['a field of another message with another id', [field(1, id('b'))], undefined],
    ['bytes that cannot be read', [Buffer.from([nodeField * 8 + 2, 100, 1])], undefined],
  ];
  for (const [what, parts, expected] of table)
    test(`${what}: ${expected === undefined ? 'is not another node' : `is node ${expected}`}`, () => {
      assert.equal(findOtherNodeId(Buffer.concat(parts), nodeField, 'a'), expected);
    });

  test('long node ids: are shortened in the message', () => {
    const { message } = refuseOtherNode('a'.repeat(100_000), 'b'.repeat(100_000));
    assert.ok(message.length < 1_000);
  });
});
