import type { MeshTrust } from '../model/mesh-trust.ts';
import type { ParseOptions } from '../model/parse-file.ts';
import { rotationKeyNames } from '../rotation-keys.ts';
import { asMapping, isMapping } from '../../text/json.ts';
import { withoutBlock } from './edit-certificates.ts';
import { isOnlyChange } from './edit-text.ts';
import type { Edit } from './edit-text.ts';

/** One operation of a JSON patch (RFC 6902). */
export type PatchOperation =
  | { readonly op: 'test' | 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** The patch of an object, or the reason why it must be changed by hand. */
export type ObjectPatch =
  | { readonly kind: 'patch'; readonly operations: readonly PatchOperation[] }
  | { readonly kind: 'refused'; readonly reason: string };

/** An object of the API server, as far as it is edited. */
interface EditedObject {
  readonly metadata: {
    readonly annotations?: Readonly<Record<string, unknown>>;
    readonly resourceVersion: string;
  };
  readonly spec: { readonly caBundles: readonly unknown[] };
}

/**
 * Returns the JSON patch for edits of a MeshTrust in the cluster. It begins with a test of the resource version, so the
 * API server refuses it if the object was changed since it was read. `textOf` returns the text of an object that the
 * cluster source would parse.
 */
export function patchObject(
  value: unknown,
  resource: MeshTrust,
  edits: readonly Edit[],
  options: ParseOptions,
  textOf: (object: unknown) => string,
): ObjectPatch {
  if (!isEditable(value))
    return { kind: 'refused', reason: 'the object has no resource version or no list of CAs' };
  const { metadata, spec } = value;
  const annotations = { ...metadata.annotations };
  let bundles = spec.caBundles;
  for (const edit of edits) {
    if (edit.kind === 'add') bundles = [...bundles, { type: 'Pem', pem: { value: edit.pem } }];
    else if (edit.kind === 'remove')
      bundles = bundles.flatMap((one) => without(one, edit.fingerprint, options));
    else if (edit.value === undefined) delete annotations[edit.key];
    else annotations[edit.key] = edit.value;
  }
  if (bundles.length === 0)
    return { kind: 'refused', reason: 'the resource would list no certificate any more; delete it instead' };
  const next = { ...value, metadata: { ...metadata, annotations }, spec: { ...spec, caBundles: bundles } };
  if (!isOnlyChange(textOf(value), textOf(next), resource, edits, options))
    return { kind: 'refused', reason: 'it has a form that cannot be edited without other changes' };
  return {
    kind: 'patch',
    operations: [
      { op: 'test', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
      ...annotationOperations(metadata.annotations, annotations),
      ...(bundles === spec.caBundles
        ? []
        : [{ op: 'replace', path: '/spec/caBundles', value: bundles } as const]),
    ],
  };
}

/**
 * Returns whether an object has what the operations of a patch write. After a lost response, this tells whether the
 * patch was applied; other fields may have changed since.
 */
export function hasPatch(object: unknown, operations: readonly PatchOperation[]): boolean {
  return operations.every((operation) => {
    if (operation.op === 'test') return true;
    const found = valueAt(object, operation.path);
    return operation.op === 'remove' ? found === undefined : includes(found, operation.value);
  });
}

/** Returns the value at a JSON pointer (RFC 6901) without array indices. */
function valueAt(object: unknown, pointer: string): unknown {
  const names = pointer.slice(1).split('/');
  return names.reduce<unknown>(
    (value, name) => asMapping(value)?.[name.replaceAll('~1', '/').replaceAll('~0', '~')],
    object,
  );
}

/** Returns whether two values are equal, apart from further fields and the order of fields in mappings of the first. */
function includes(found: unknown, expected: unknown): boolean {
  if (Array.isArray(expected))
    return (
      Array.isArray(found) &&
      found.length === expected.length &&
      expected.every((one, index) => includes(found[index], one))
    );
  if (!isMapping(expected)) return found === expected;
  return isMapping(found) && Object.entries(expected).every(([name, value]) => includes(found[name], value));
}

function annotationOperations(
  before: Readonly<Record<string, unknown>> | undefined,
  after: Readonly<Record<string, unknown>>,
): readonly PatchOperation[] {
  if (before === undefined)
    return Object.keys(after).length === 0
      ? []
      : [{ op: 'add', path: '/metadata/annotations', value: after }];
  return rotationKeyNames.flatMap((key): readonly PatchOperation[] => {
    if (before[key] === after[key]) return [];
    const path = `/metadata/annotations/${key.replaceAll('/', '~1')}`;
    return after[key] === undefined ? [{ op: 'remove', path }] : [{ op: 'add', path, value: after[key] }];
  });
}

/** Returns an item of `caBundles` without a certificate, or nothing if it has no other block. */
function without(item: unknown, fingerprint: string, { reader }: ParseOptions): readonly unknown[] {
  const pem = isMapping(item) ? item['pem'] : undefined;
  let text = isMapping(pem) ? pem['value'] : undefined;
  if (!isMapping(item) || !isMapping(pem) || typeof text !== 'string') return [item];
  const found = text;
  for (;;) {
    const blocks = reader.read(text as string);
    const block = blocks.find((one) => one.kind === 'anchor' && one.certificate.fingerprint === fingerprint);
    if (block === undefined) break;
    if (blocks.length === 1) return [];
    text = withoutBlock(text as string, block.line);
  }
  return [text === found ? item : { ...item, pem: { ...pem, value: text } }];
}

function isEditable(value: unknown): value is EditedObject {
  if (!isMapping(value)) return false;
  const { metadata, spec } = value;
  return (
    isMapping(metadata) &&
    typeof metadata['resourceVersion'] === 'string' &&
    (metadata['annotations'] === undefined || isMapping(metadata['annotations'])) &&
    isMapping(spec) &&
    Array.isArray(spec['caBundles'])
  );
}
