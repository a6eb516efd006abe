import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ClientIdentity } from '../../src/access/identity.ts';
import { parseRules } from '../../src/access/parse-rules.ts';
import { checkRules } from '../../src/access/rules.ts';
import type { RuleDecision } from '../../src/access/rules.ts';

const spiffe = (id: string): ClientIdentity => ({ kind: 'spiffe', id });
const account = (namespace: string, name: string, pod?: string): ClientIdentity => ({
  kind: 'service-account',
  namespace,
  name,
  pod,
});

function decide(text: string, identity: ClientIdentity, mesh: string, nodeId = 'n'): RuleDecision {
  const parsed = parseRules(text);
  assert.ok(parsed.kind === 'rules', JSON.stringify(parsed));
  return checkRules(parsed.rules, identity, { mesh, nodeId });
}

suite('access rules', () => {
  const kuma = `- { from: { spiffeId: 'spiffe://{mesh}.*.mesh.local/ns/*/sa/*' }, mesh: '{mesh}' }`;
  const edge = `- { from: { namespace: edge, serviceAccount: envoy }, mesh: [default, edge], node: '{pod}.{namespace}' }`;
  const cases: readonly (readonly [what: string, RuleDecision, ...Parameters<typeof decide>])[] = [
    ['own mesh', 'allowed', kuma, spiffe('spiffe://a.z1.mesh.local/ns/x/sa/y'), 'a'],
    ['another mesh', 'mesh', kuma, spiffe('spiffe://a.z1.mesh.local/ns/x/sa/y'), 'b'],
    ['wildcard does not span labels', 'mesh', kuma, spiffe('spiffe://a.z1.z2.mesh.local/ns/x/sa/y'), 'a'],
    ['name does not span labels', 'mesh', kuma, spiffe('spiffe://a.b.z1.mesh.local/ns/x/sa/y'), 'a.b'],
    ['wildcard does not span segments', 'mesh', kuma, spiffe('spiffe://a.z1.mesh.local/ns/x/y/sa/y'), 'a'],
    ['longer path', 'mesh', kuma, spiffe('spiffe://a.z1.mesh.local/ns/x/sa/y/z'), 'a'],
    ['empty segment', 'mesh', kuma, spiffe('spiffe://a.z1.mesh.local/ns//sa/y'), 'a'],
    ['empty label', 'mesh', kuma, spiffe('spiffe://.z1.mesh.local/ns/x/sa/y'), ''],
    ['label moved into the path', 'mesh', kuma, spiffe('spiffe://a.z1.mesh/local/ns/x/sa/y'), 'a'],
    ['upper case', 'mesh', kuma, spiffe('spiffe://a.z1.MESH.local/ns/x/sa/y'), 'a'],
    ['SPIFFE rule and a service account', 'mesh', kuma, account('a', 'b'), 'a'],
    ['SPIFFE rule and a certificate without ID', 'mesh', kuma, { kind: 'certificate', subject: 'CN=a' }, 'a'],
    ['pod of the account', 'allowed', edge, account('edge', 'envoy', 'p-1'), 'edge', 'p-1.edge'],
    ['another pod', 'node', edge, account('edge', 'envoy', 'p-1'), 'edge', 'p-2.edge'],
    ['token without a pod', 'node', edge, account('edge', 'envoy'), 'edge', '.edge'],
    ['another account', 'mesh', edge, account('edge', 'other', 'p-1'), 'edge', 'p-1.edge'],
    ['mesh outside of the list', 'mesh', edge, account('edge', 'envoy', 'p-1'), 'other', 'p-1.edge'],
    ['no rule', 'mesh', '[]', account('edge', 'envoy'), 'edge'],
    [
      'any mesh',
      'allowed',
      `- { from: { namespace: '*', serviceAccount: '*' }, mesh: '*' }`,
      account('a', 'b'),
      'm',
    ],
    [
      'any mesh, without a name',
      'mesh',
      `- { from: { namespace: '*', serviceAccount: '*' }, mesh: '*' }`,
      account('a', 'b'),
      '',
    ],
    [
      'bound in the namespace',
      'allowed',
      `- { from: { namespace: 'mesh-{mesh}', serviceAccount: x }, mesh: '{mesh}' }`,
      account('mesh-a', 'x'),
      'a',
    ],
    [
      'name that occurs twice',
      'mesh',
      `- { from: { spiffeId: 'spiffe://{m}.test/{m}' }, mesh: '*' }`,
      spiffe('spiffe://a.test/b'),
      'a',
    ],
    [
      'wildcards in the node id',
      'allowed',
      `- { from: { namespace: '*', serviceAccount: '*' }, mesh: '*', node: 'sidecar~*~{pod}.{namespace}~*' }`,
      account('a', 'b', 'p'),
      'm',
      'sidecar~10.0.0.1~p.a~a.svc.cluster.local',
    ],
    [
      'wildcard for nothing',
      'node',
      `- { from: { namespace: '*', serviceAccount: '*' }, mesh: '*', node: 'x*y' }`,
      account('a', 'b'),
      'm',
      'xy',
    ],
    [
      'wildcard does not span slashes',
      'node',
      `- { from: { namespace: '*', serviceAccount: '*' }, mesh: '*', node: 'x*y' }`,
      account('a', 'b'),
      'm',
      'x/y',
    ],
    [
      'overlapping ends',
      'node',
      `- { from: { namespace: '*', serviceAccount: '*' }, mesh: '*', node: 'aa*aa' }`,
      account('a', 'b'),
      'm',
      'aaaa',
    ],
  ];
  for (const [what, expected, ...input] of cases)
    test(`${what}: ${expected === 'allowed' ? 'allowed' : `refused, ${expected}`}`, () => {
      assert.equal(decide(...input), expected);
    });

  test('first rule that gives the mesh: decides, and later ones do not', () => {
    const rules = `
- { from: { namespace: a, serviceAccount: '*' }, mesh: m, node: first }
- { from: { namespace: a, serviceAccount: '*' }, mesh: [m, n], node: second }
`;
    assert.equal(decide(rules, account('a', 'b'), 'm', 'second'), 'node');
    assert.equal(decide(rules, account('a', 'b'), 'n', 'second'), 'allowed');
  });

  test('long node id of a client, and a pattern with many wildcards: is matched in linear time', () => {
    const rule = `- { from: { namespace: '*', serviceAccount: '*' }, mesh: '*', node: '${'*a'.repeat(200)}*b' }`;
    assert.equal(decide(rule, account('a', 'b'), 'm', 'a'.repeat(4_000)), 'node');
  });
});

suite('access rules that are invalid', () => {
  const from = `from: { namespace: a, serviceAccount: b }`;
  const cases: readonly (readonly [what: string, text: string, violations: readonly string[]])[] = [
    ['empty file', '', ['the file is not a list of rules ([] refuses every proxy)']],
    ['invalid YAML', '- {', ['the file is not valid YAML (line 1)']],
    ['mapping', 'from: {}', ['the file is not a list of rules ([] refuses every proxy)']],
    ['two documents', '[]\n---\n[]', ['the file has more than one YAML document']],
    [
      'several faults',
      `- 1\n- { ${from} }\n- { ${from}, mesh: [], nodes: x }\n- { from: { spiffeId: x }, mesh: m }`,
      [
        '[0] is not a mapping',
        '[1].mesh is missing',
        '[2] has an unknown field: the fields are from, mesh, node',
        '[2].mesh is an empty list',
        '[3].from.spiffeId is not of the form spiffe://TRUST-DOMAIN/PATH',
      ],
    ],
    [
      'relative segment',
      `- { from: { spiffeId: 'spiffe://a.test/ns/../sa/x' }, mesh: m }`,
      ["[0].from.spiffeId has '.' or '..' as a segment, which no SPIFFE ID has"],
    ],
    [
      'unbound name',
      `- { from: { spiffeId: 'spiffe://{mesh}/x' }, mesh: '{mesh}', node: '{pod}' }`,
      ['[0].node uses a {name} that is not in from'],
    ],
    [
      'two wildcards in a label',
      `- { from: { spiffeId: 'spiffe://*-{mesh}.test/x' }, mesh: m }`,
      ['[0].from.spiffeId has a segment with more than one * or {name}'],
    ],
    [
      'both kinds of identity',
      `- { from: { spiffeId: 'spiffe://a/b', namespace: a }, mesh: m }`,
      ['[0].from has both spiffeId and a service account: write two rules'],
    ],
    ['half of an account', `- { from: { namespace: a }, mesh: m }`, ['[0].from.serviceAccount is missing']],
    ['stray brace', `- { ${from}, mesh: 'a{b' }`, ['[0].mesh has a brace that does not belong to a {name}']],
    ['number as a mesh', `- { ${from}, mesh: 1 }`, ['[0].mesh is not a string']],
    ['node without a value', `- { ${from}, mesh: m, node: }`, ['[0].node is not a string']],
  ];
  for (const [what, text, violations] of cases)
    test(`${what}: all violations at once, with their paths`, () => {
      const parsed = parseRules(text);
      assert.deepEqual(parsed.kind === 'invalid' ? parsed.violations : parsed, violations);
    });
});

test('thousands of rules about a client: the texts that it chooses are split once, not for each rule', (t) => {
  const rule = (index: number): string =>
    `- { from: { spiffeId: 'spiffe://a.test/ns/*/sa/x' }, mesh: m${index}, node: n }\n`;
  const parsed = parseRules(Array.from({ length: 2_000 }, (_, index) => rule(index)).join(''));
  assert.ok(parsed.kind === 'rules');
  const split = t.mock.method(String.prototype, 'split');
  const decision = checkRules(parsed.rules, spiffe('spiffe://a.test/ns/b/sa/x'), {
    mesh: '/'.repeat(4_096),
    nodeId: '/'.repeat(4_096),
  });
  assert.equal(decision, 'mesh');
  assert.ok(split.mock.callCount() < 10, `${split.mock.callCount()} calls`);
});
