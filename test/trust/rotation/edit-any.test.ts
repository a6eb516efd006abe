import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { MeshTrust } from '../../../src/trust/model/mesh-trust.ts';
import { editText } from '../../../src/trust/rotation/edit-text.ts';
import type { Edit } from '../../../src/trust/rotation/edit-text.ts';
import { rotationKeyNames, rotationKeys } from '../../../src/trust/rotation-keys.ts';
import { makeCa } from '../../kit/certificates.ts';
import * as fc from '../../kit/fast-check.ts';
import { fingerprintOf, parse, reader } from '../../kit/resources.ts';

const options = { defaultMesh: 'default', reader };
const pems = ['Old', 'New', 'C', 'D'].map((commonName) => makeCa({ commonName }).certPem);
const [old = '', next = '', ...others] = pems;

/** How a file is written. */
interface Style {
  readonly form: 'kubernetes' | 'universal';
  readonly step: number;
  /** Columns by which the items of a list are indented. */
  readonly listStep: number;
  readonly pem: '|' | '|-' | '|+' | 'quoted' | 'flow';
  readonly annotations: 'none' | 'block' | 'flow' | 'null';
  readonly comments: boolean;
  readonly crlf: boolean;
  readonly finalBreak: boolean;
  readonly documentsBefore: number;
  /** The items: each has one or two of the other CA certificates, or the old one. */
  readonly items: readonly (readonly string[])[];
}

const style: fc.Arbitrary<Style> = fc.record({
  form: fc.constantFrom('kubernetes', 'universal'),
  step: fc.constantFrom(2, 4),
  listStep: fc.constantFrom(0, 2, 4),
  pem: fc.constantFrom('|', '|-', '|+', 'quoted', 'flow'),
  annotations: fc.constantFrom('none', 'block', 'flow', 'null'),
  comments: fc.boolean(),
  crlf: fc.boolean(),
  finalBreak: fc.boolean(),
  documentsBefore: fc.nat({ max: 2 }),
  items: fc.constantFrom(
    [[old]],
    [[old], others],
    [others, [old]],
    [[old, ...others]],
    [[...others, old]],
    [[old], [old]],
    [others.slice(0, 1), [old, old], others.slice(1)],
  ),
});

function write(given: Style, name = 'zone'): string {
  const { form, step, listStep, pem, annotations, comments } = given;
  const pad = (columns: number, line: string): string => `${' '.repeat(columns)}${line}`;
  const note = (columns: number): readonly string[] => (comments ? [pad(columns, '# a: comment')] : []);
  const end = comments ? ' # the end' : '';
  const at = form === 'kubernetes' ? step : 0;
  const annotated: readonly string[] = {
    none: [],
    block: [pad(at, 'annotations:'), ...note(at + step), pad(at + step, `team: x${end}`)],
    flow: [pad(at, `annotations: { team: x }${end}`)],
    null: [pad(at, 'annotations:')],
  }[annotations];
  const header =
    form === 'kubernetes'
      ? ['apiVersion: kuma.io/v1alpha1', 'kind: MeshTrust', 'metadata:', pad(at, `name: ${name}${end}`)]
      : ['type: MeshTrust', `name: ${name}${end}`];
  const list = step + listStep;
  const items = given.items.flatMap((certificates) => {
    const text = certificates.join('');
    if (pem === 'flow')
      return [...note(list), pad(list, `- { type: Pem, pem: { value: ${JSON.stringify(text)} } }${end}`)];
    const value =
      pem === 'quoted'
        ? [pad(list + 4, `value: ${JSON.stringify(text)}${end}`)]
        : [
            pad(list + 4, `value: ${pem}${end}`),
            ...text
              .trimEnd()
              .split('\n')
              .map((line) => pad(list + 4 + step, line)),
          ];
    return [...note(list), pad(list, `- type: Pem${end}`), pad(list + 2, 'pem:'), ...value];
  });
  return [
    ...note(0),
    ...header,
    ...annotated,
    'spec:',
    pad(step, `trustDomain: a.test${end}`),
    pad(step, 'caBundles:'),
    ...items,
  ].join('\n');
}

function fileOf(given: Style): string {
  const before = Array.from({ length: given.documentsBefore }, (_, index) =>
    write({ ...given, items: [others] }, `other-${index}`),
  );
  const text = [...before, write(given)].join('\n---\n') + (given.finalBreak ? '\n' : '');
  return given.crlf ? text.replaceAll('\n', '\r\n') : text;
}

function zoneOf(text: string): MeshTrust {
  const parsed = parse(text);
  const documents = parsed.kind === 'documents' ? parsed.documents : [];
  const found = documents.flatMap((document) =>
    document.kind === 'mesh-trust' && document.resource.name === 'zone' ? [document.resource] : [],
  );
  return found[0] ?? assert.fail(JSON.stringify(parsed));
}

function edit(text: string, edits: readonly Edit[]): string {
  const edited = editText(text, zoneOf(text), edits, options);
  return edited.kind === 'edited' ? edited.text : assert.fail(`${edited.reason}\n${text}`);
}

const start: readonly Edit[] = [
  { kind: 'annotate', key: rotationKeys.old, value: fingerprintOf(old) },
  { kind: 'annotate', key: rotationKeys.new, value: fingerprintOf(next) },
  { kind: 'annotate', key: rotationKeys.leafTtl, value: '24h' },
  { kind: 'add', fingerprint: fingerprintOf(next), pem: next },
];
const clean: readonly Edit[] = rotationKeyNames.map((key) => ({ kind: 'annotate', key, value: undefined }));

suite('edits of files in any style', () => {
  test('start, switched, finish and clean → each is possible, and keeps every comment', () => {
    fc.assert(
      fc.property(style, (given) => {
        const text = fileOf(given);
        const comments = (one: string): number => one.split('# ').length;
        const started = edit(text, start);
        const drained = edit(started, [
          { kind: 'annotate', key: rotationKeys.switchedAt, value: '2026-11-28T03:00:00Z' },
        ]);
        assert.equal(comments(drained), comments(text));
        const finished = edit(drained, [{ kind: 'remove', fingerprint: fingerprintOf(old) }]);
        assert.ok(zoneOf(finished).blocks.length > 0);
        // Lines of the file that are not of the removed certificate stay, in their order.
        const cleaned = edit(finished, clean);
        assert.ok(!cleaned.includes('meshtrust.io'));
        assert.ok(!/\r(?!\n)|\n\n\n/.test(cleaned));
        if (given.crlf) assert.ok(!/(?<!\r)\n/.test(cleaned.replaceAll('\\n', '')));
      }),
      { numRuns: 200 },
    );
  });

  test('start, then abort → the file as it was, but for an empty field annotations', () => {
    fc.assert(
      fc.property(style, (given) => {
        const text = fileOf(given);
        const aborted = edit(edit(text, start), [
          { kind: 'remove', fingerprint: fingerprintOf(next) },
          ...clean,
        ]);
        const plain = (one: string): string => one.replace(/^ *annotations:\r?\n/m, '').trimEnd();
        if (given.annotations !== 'null') assert.equal(aborted.trimEnd(), text.trimEnd());
        else if (given.documentsBefore === 0) assert.equal(plain(aborted), plain(text));
      }),
      { numRuns: 200 },
    );
  });
});
