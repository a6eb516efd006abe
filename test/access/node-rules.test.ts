import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { nodeRulesOf } from '../../src/access/node-rules.ts';
import { parseRules } from '../../src/access/parse-rules.ts';

const from = `from: { spiffeId: 'spiffe://{mesh}.test/ns/{namespace}/sa/*' }`;

/** Returns the meshes of a and b whose clients are all limited to some node ids. */
function limited(text: string): readonly string[] {
  const parsed = parseRules(text);
  assert.ok(parsed.kind === 'rules', JSON.stringify(parsed));
  return ['a', 'b'].filter(nodeRulesOf(parsed.rules));
}

suite('rules limit the node ids of every client of a mesh', () => {
  const cases: readonly (readonly [what: string, text: string, meshes: readonly string[]])[] = [
    ['no rules', '[]', []],
    ['no node', `- { ${from}, mesh: a }`, []],
    ['a node by the identity', `- { ${from}, mesh: a, node: '{namespace}.*' }`, ['a']],
    ['a literal node', `- { ${from}, mesh: a, node: gateway-1 }`, ['a']],
    ['a node of wildcards alone', `- { ${from}, mesh: a, node: '*.*' }`, []],
    ['a node that repeats the mesh', `- { ${from}, mesh: '{mesh}', node: '{mesh}.*' }`, []],
    ['the mesh by the identity', `- { ${from}, mesh: '{mesh}', node: '{namespace}' }`, ['a', 'b']],
    ['a list of meshes', `- { ${from}, mesh: [a, b], node: x }`, ['a', 'b']],
    [
      'a second rule for the mesh has no node',
      `- { ${from}, mesh: [a, b], node: x }\n- { ${from}, mesh: b }`,
      ['a'],
    ],
    [
      'a rule without a node comes first',
      `- { ${from}, mesh: b }\n- { ${from}, mesh: [a, b], node: x }`,
      ['a'],
    ],
    [
      'a rule without a node for every mesh',
      `- { ${from}, mesh: [a, b], node: x }\n- { ${from}, mesh: '*' }`,
      [],
    ],
    [
      'a rule without a node for the mesh of the identity',
      `- { ${from}, mesh: [a, b], node: x }\n- { ${from}, mesh: '{mesh}' }`,
      [],
    ],
    [
      'a rule without a node for other meshes',
      `- { ${from}, mesh: [a, b], node: x }\n- { ${from}, mesh: 'b-*' }`,
      ['a', 'b'],
    ],
  ];
  for (const [what, text, meshes] of cases)
    test(`${what}: ${meshes.join(' and ') || 'no mesh'}`, () => {
      assert.deepEqual(limited(text), meshes);
    });
});
