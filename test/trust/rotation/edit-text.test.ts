import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { MeshTrust } from '../../../src/trust/model/mesh-trust.ts';
import { editText } from '../../../src/trust/rotation/edit-text.ts';
import type { Edit } from '../../../src/trust/rotation/edit-text.ts';
import { rotationKeyNames, rotationKeys } from '../../../src/trust/rotation-keys.ts';
import { makeCaPems } from '../../kit/certificates.ts';
import { fingerprintOf, parse, reader } from '../../kit/resources.ts';

const [a, b, c] = makeCaPems('A', 'B', 'C');
const options = { defaultMesh: 'default', reader };
const indent = (pem: string, columns: number): string =>
  pem
    .trimEnd()
    .split('\n')
    .map((line) => `${' '.repeat(columns)}${line}`)
    .join('\n');

function resources(text: string): readonly MeshTrust[] {
  const parsed = parse(text);
  assert.ok(parsed.kind === 'documents', JSON.stringify(parsed));
  return parsed.documents.flatMap((document) =>
    document.kind === 'mesh-trust' ? [document.resource] : assert.fail(JSON.stringify(document)),
  );
}

function edit(text: string, edits: readonly Edit[], name = 'zone'): string {
  const resource = resources(text).find((one) => one.name === name) ?? assert.fail(`no ${name}`);
  const edited = editText(text, resource, edits, options);
  return edited.kind === 'edited' ? edited.text : assert.fail(edited.reason);
}

const start: readonly Edit[] = [
  { kind: 'annotate', key: rotationKeys.old, value: fingerprintOf(a) },
  { kind: 'annotate', key: rotationKeys.new, value: fingerprintOf(b) },
  { kind: 'annotate', key: rotationKeys.leafTtl, value: '24h' },
  { kind: 'add', fingerprint: fingerprintOf(b), pem: b },
];
const switched: readonly Edit[] = [
  { kind: 'annotate', key: rotationKeys.switchedAt, value: '2026-11-28T03:00:00Z' },
];
const finish: readonly Edit[] = [{ kind: 'remove', fingerprint: fingerprintOf(a) }];
const clean: readonly Edit[] = rotationKeyNames.map((key) => ({ kind: 'annotate', key, value: undefined }));
const abort: readonly Edit[] = [{ kind: 'remove', fingerprint: fingerprintOf(b) }, ...clean];

const kubernetes = (metadata: string, bundles: string): string => `# Trust of the zone
apiVersion: kuma.io/v1alpha1
kind: MeshTrust # the kind
metadata:
${metadata}
spec:
  trustDomain: a.test
  caBundles:
${bundles}
`;
const block = (pem: string): string => `    # A comment
    - type: Pem
      pem:
        value: |
${indent(pem, 10)}`;
const object = (pem: string, more: object = {}): object => ({
  apiVersion: 'kuma.io/v1alpha1',
  kind: 'MeshTrust',
  metadata: { name: 'zone', ...more },
  spec: { trustDomain: 'a.test', caBundles: [{ type: 'Pem', pem: { value: pem } }] },
});

/** Files in which the MeshTrust `zone` lists the CA A. */
const files: Readonly<Record<string, string>> = {
  'Kubernetes form': kubernetes('  name: zone', block(a)),
  'with another annotation': kubernetes('  annotations:\n    team: x # y\n  name: zone', block(a)),
  'with annotations in flow style': kubernetes('  name: zone\n  annotations: { team: x }', block(a)),
  'with an empty field annotations': kubernetes('  annotations: {}\n  name: zone', block(a)),
  'with two items': kubernetes('  name: zone', `${block(c)}\n${block(a)}`),
  'with two blocks in one item': kubernetes('  name: zone', block(`${c}${a}`)),
  'with text around the blocks': kubernetes('  name: zone', block(`CN=C\n${c}CN=A\n${a}`)),
  'with a dash on a line of its own': kubernetes('  name: zone', `${block(c)}\n${block(a)}`).replaceAll(
    '    - type',
    '    - # the item\n\n      # its type\n      type',
  ),
  'with a dash alone': kubernetes('  name: zone', block(a)).replaceAll('    - type', '    -\n      type'),
  'with CRLF': kubernetes('  name: zone', block(a)).replaceAll('\n', '\r\n'),
  'without a final line break': kubernetes('  name: zone', block(a)).trimEnd(),
  'with other documents': `---\nkind: ConfigMap\nmetadata: { name: x }\n---\n${kubernetes('  name: other', block(a))}---\n${kubernetes('  name: zone', block(a))}---\n# the end\n`,
  'Universal form, items in flow style': `type: MeshTrust\nname: zone\nmesh: default\nspec:\n  trustDomain: a.test\n  caBundles:\n  - { type: Pem, pem: { value: ${JSON.stringify(a)} } } # A\n`,
  'item with two certificates in quotes': `type: MeshTrust\nname: 'zone'\nspec: { trustDomain: a.test, caBundles: [{ type: Pem, pem: { value: ${JSON.stringify(`${a}${c}`)} } }] }\n`,
  'JSON on one line': JSON.stringify(object(a)),
  'JSON on several lines': JSON.stringify(object(a, { annotations: { team: 'x' } }), null, 2),
  'JSON list': JSON.stringify(
    { apiVersion: 'v1', kind: 'List', items: [object(c, { name: 'x' }), object(a)] },
    null,
    4,
  ),
  'YAML list': `apiVersion: v1\nkind: List\nitems:\n- apiVersion: kuma.io/v1alpha1\n  kind: MeshTrust\n  metadata:\n    name: zone\n  spec:\n    trustDomain: a.test\n    caBundles:\n    - type: Pem\n      pem:\n        value: |\n${indent(a, 10)}\n`,
};

suite('edits of a rotation', () => {
  for (const [what, text] of Object.entries(files)) {
    test(`${what}: start, then abort → the file as it was`, () => {
      const started = edit(text, start);
      const resource = resources(started).find(({ name }) => name === 'zone');
      assert.deepEqual(resource?.rotation, {
        old: fingerprintOf(a),
        new: fingerprintOf(b),
        switchedAt: undefined,
        leafTtlMs: 86_400_000,
      });
      // Only lines and characters are added.
      if (what === 'Kubernetes form') assert.ok(isSubsequence(text.split('\n'), started.split('\n')));
      assert.equal(edit(started, abort).trimEnd(), text.replace('  annotations: {}\n', '').trimEnd());
    });

    test(`${what}: a whole rotation → the new CA in place of the old one`, () => {
      const drained = edit(edit(text, start), switched);
      const finished = edit(drained, finish);
      const before = resources(text).find(({ name }) => name === 'zone');
      const after = resources(finished).find(({ name }) => name === 'zone');
      const listed = (resource: MeshTrust | undefined): readonly string[] =>
        resource?.blocks.map((one) => (one.kind === 'anchor' ? one.certificate.fingerprint : one.code)) ?? [];
      assert.deepEqual(
        listed(after).toSorted(),
        [...listed(before).filter((hash) => hash !== fingerprintOf(a)), fingerprintOf(b)].toSorted(),
      );
      assert.equal(after?.rotation?.switchedAt, Date.parse('2026-11-28T03:00:00Z'));
      const cleaned = edit(finished, clean);
      assert.equal(resources(cleaned).find(({ name }) => name === 'zone')?.rotation, undefined);
      assert.ok(!cleaned.includes('meshtrust.io'));
    });
  }

  test('back → the time of the switch is removed, and nothing else', () => {
    for (const text of Object.values(files)) {
      const started = edit(text, start);
      const back = clean.filter((one) => one.kind === 'annotate' && one.key === rotationKeys.switchedAt);
      assert.equal(edit(edit(started, switched), back), started);
    }
  });

  const refused: Readonly<Record<string, readonly [text: string, edits: readonly Edit[], reason: RegExp]>> = {
    'the last certificate of the resource': [
      files['Kubernetes form'] ?? '',
      finish,
      /no certificate any more/,
    ],
    'a folded PEM text': [
      kubernetes('  name: zone', block(`${c}${a}`))
        .replace('value: |', 'value: >')
        .replaceAll('\n          ', '\n\n          '),
      finish,
      /neither a block of style/,
    ],
    'a byte order mark': [`\ufeff${files['Kubernetes form'] ?? ''}`, start, /not found/],
  };
  for (const [what, [text, edits, reason]] of Object.entries(refused))
    test(`${what} → refused with the reason`, () => {
      const [resource] = resources(text);
      const edited = resource && editText(text, resource, edits, options);
      assert.match(edited?.kind === 'refused' ? edited.reason : 'edited', reason);
    });

  const configMap = (metadata: string, data = ''): string =>
    `- apiVersion: v1\n  kind: ConfigMap\n  metadata: { name: x${metadata} }\n${data}`;
  const listed = (annotations: string, bundles: string, other: string): string => `apiVersion: v1
kind: List
items:
- apiVersion: kuma.io/v1alpha1
  kind: MeshTrust
  metadata:
    name: zone
    annotations:${annotations}
  spec:
    trustDomain: a.test
    caBundles:${bundles}
    - type: Pem
      pem:
        value: |
${indent(a, 10)}
${other}`;
  const sharing: Readonly<Record<string, string>> = {
    'its annotations': listed(' &shared\n      team: x', '', configMap(', annotations: *shared')),
    'an empty field annotations': listed(' &shared {}', '', configMap(', annotations: *shared')),
    'its list of CAs': listed('\n      team: x', ' &shared', configMap('', '  data: { x: *shared }\n')),
  };
  for (const [what, shared] of Object.entries(sharing))
    test(`a document of another kind has ${what} by an alias → refused, since it would change as well`, () => {
      const [resource] = resources(shared);
      const edited = resource && editText(shared, resource, start, options);
      assert.match(edited?.kind === 'refused' ? edited.reason : 'edited', /without other changes/);
    });

  test('a document of another kind has an alias of a value that is not edited → edited', () => {
    const shared = listed('\n      team: &team x', '', configMap(', annotations: { team: *team }'));
    const started = edit(shared, start);
    assert.ok(started.includes('team: *team'));
    assert.equal(edit(started, abort).trimEnd(), shared.trimEnd());
  });

  test('two resources of one list share their CAs by an alias → refused, since both would change', () => {
    const shared = `apiVersion: v1
kind: List
items:
- apiVersion: kuma.io/v1alpha1
  kind: MeshTrust
  metadata: { name: zone }
  spec: &spec
    trustDomain: a.test
    caBundles:
    - type: Pem
      pem:
        value: |
${indent(a, 10)}
- apiVersion: kuma.io/v1alpha1
  kind: MeshTrust
  metadata: { name: other }
  spec: *spec
`;
    const [resource] = resources(shared);
    const edited = resource && editText(shared, resource, start, options);
    assert.match(edited?.kind === 'refused' ? edited.reason : 'edited', /without other changes/);
  });
});

function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  for (const line of whole) if (line === part[at]) at += 1;
  return at === part.length;
}
