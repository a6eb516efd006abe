import { distance, plainWord } from './document-kind.ts';
import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import { pathText, placeOf } from './parse-context.ts';
import type { ParseContext } from './parse-context.ts';
import type { Path } from './read-yaml.ts';
import { isMapping } from './violations.ts';

/** The label that names the mesh of an object in the Kubernetes form. */
export const meshLabel = 'kuma.io/mesh';

/** The labels that Kuma defines for its resources (https://kuma.io, reference, labels and annotations). */
const knownLabels: ReadonlySet<string> = new Set([
  meshLabel,
  'kuma.io/display-name',
  'kuma.io/effect',
  'kuma.io/env',
  'kuma.io/managed-by',
  'kuma.io/origin',
  'kuma.io/policy-role',
  'kuma.io/proxy-type',
  'kuma.io/service',
  'kuma.io/service-account',
  'kuma.io/workload',
  'kuma.io/zone',
]);

/** The fields of a MeshTrust's spec, which its CRD allows and no others. */
const specFields: ReadonlySet<string> = new Set(['trustDomain', 'caBundles', 'origin']);
const bundleFields: ReadonlySet<string> = new Set(['type', 'pem']);
const pemFields: ReadonlySet<string> = new Set(['value']);
const originFields: ReadonlySet<string> = new Set(['kri']);

/**
 * Reports fields and labels without an effect: fields of the spec that the CRD does not have, labels below `kuma.io/`
 * that Kuma does not have, and labels that were probably meant as `kuma.io/mesh`. The resource stays in force, since
 * the rest of it is valid.
 */
export function unknownFields(
  body: Record<string, unknown>,
  root: Path,
  mesh: string,
  context: ParseContext,
): readonly Finding[] {
  const fields = unknownInSpec(body['spec']).map((path) => {
    const place = placeOf(context, [...root, ...path]);
    return finding('MT051', `${pathText(path)} is not a field of a MeshTrust; it has no effect`, place);
  });
  const effect = `it has no effect, and the resource is in mesh ${mesh}`;
  const namesMesh = saysMesh(body);
  const labels = labelsOf(body).flatMap(({ path, keys }) =>
    keys
      .filter((key) => isUnknownLabel(key) || (!namesMesh && isAlmostMeshLabel(key)))
      .map((key) => {
        const place = placeOf(context, [...root, ...path, key]);
        return finding('MT050', `the label is not one of Kuma's; ${effect}`, place);
      }),
  );
  return [...fields, ...labels, ...meshAnnotation(body, namesMesh).map(annotated)];

  function annotated(path: Path): Finding {
    const text = `the mesh of a resource is its label ${meshLabel}, not an annotation; ${effect}`;
    return finding('MT050', text, placeOf(context, [...root, ...path]));
  }
}

/** True if the resource itself says its mesh, so that no other label can have been meant. */
function saysMesh(body: Record<string, unknown>): boolean {
  const labels = isMapping(body['metadata']) ? body['metadata']['labels'] : undefined;
  return body['mesh'] != null || (isMapping(labels) && labels[meshLabel] != null);
}

function isUnknownLabel(key: string): boolean {
  return key.startsWith('kuma.io/') && !knownLabels.has(key);
}

/** True for `mesh`, and for labels such as `Kuma.io/mesh`, `k8s.kuma.io/mesh`, `kuma/mesh` and `kuma.io_mesh`. */
function isAlmostMeshLabel(key: string): boolean {
  const word = plainWord(key);
  const [prefix = '', name] = word.split('/');
  if (name === undefined) return word === 'mesh' || distance(word, 'kuma.iomesh') <= 2;
  return (prefix.includes('kuma') && distance(name, 'mesh') <= 1) || distance(word, meshLabel) <= 2;
}

/** The path of an annotation `kuma.io/mesh`, which Kuma reads from pods only. */
function meshAnnotation(body: Record<string, unknown>, namesMesh: boolean): readonly Path[] {
  const annotations = isMapping(body['metadata']) ? body['metadata']['annotations'] : undefined;
  const isThere = !namesMesh && isMapping(annotations) && annotations[meshLabel] != null;
  return isThere ? [['metadata', 'annotations', meshLabel]] : [];
}

function unknownInSpec(spec: unknown): readonly Path[] {
  if (!isMapping(spec)) return [];
  const bundles: readonly unknown[] = Array.isArray(spec['caBundles']) ? spec['caBundles'] : [];
  return [
    ...unknownIn(spec, ['spec'], specFields),
    ...unknownIn(spec['origin'], ['spec', 'origin'], originFields),
    ...bundles.flatMap((bundle, index) => {
      const at = ['spec', 'caBundles', index];
      const pem = isMapping(bundle) ? bundle['pem'] : undefined;
      return [...unknownIn(bundle, at, bundleFields), ...unknownIn(pem, [...at, 'pem'], pemFields)];
    }),
  ];
}

function unknownIn(value: unknown, path: Path, known: ReadonlySet<string>): readonly Path[] {
  if (!isMapping(value)) return [];
  return Object.keys(value)
    .filter((key) => !known.has(key))
    .map((key) => [...path, key]);
}

/** The labels of either form. */
function labelsOf(
  body: Record<string, unknown>,
): readonly { readonly path: Path; readonly keys: readonly string[] }[] {
  const metadata = body['metadata'];
  return [
    { path: ['metadata', 'labels'], labels: isMapping(metadata) ? metadata['labels'] : undefined },
    { path: ['labels'], labels: body['labels'] },
  ].map(({ path, labels }) => ({ path, keys: isMapping(labels) ? Object.keys(labels) : [] }));
}
