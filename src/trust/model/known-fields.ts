import { distance, plainWord } from './document-kind.ts';
import { finding } from '../findings/finding.ts';
import type { Finding } from '../findings/finding.ts';
import { pathText, placeOf } from './parse-context.ts';
import type { ParseContext } from './parse-context.ts';
import type { Path } from './read-yaml.ts';
import { furtherFindings, maxFindings } from './violations.ts';
import { isMapping } from '../../text/json.ts';

/** The label that names the mesh of an object in the Kubernetes form. */
export const meshLabel = 'kuma.io/mesh';

/** The labels that Kuma defines for its resources (https://kuma.io, reference, labels and annotations). */
const kumaLabels: ReadonlySet<string> = new Set([
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

/** A form of a MeshTrust: Kubernetes (apiVersion, kind, metadata) or Universal (type, name, mesh). */
type Form = 'kubernetes' | 'universal';

/** The top-level fields of a resource, including those that only `kubectl get` and Kuma's REST API print. */
const resourceFields: Readonly<Record<Form, ReadonlySet<string>>> = {
  kubernetes: new Set(['apiVersion', 'kind', 'metadata', 'spec', 'status']),
  universal: new Set([
    'type',
    'mesh',
    'name',
    'labels',
    // Not of Kuma: the annotations of a rotation.
    'annotations',
    'spec',
    'status',
    'kri',
    'creationTime',
    'modificationTime',
  ]),
};

/** The fields of Kubernetes' ObjectMeta. */
const metadataFields: ReadonlySet<string> = new Set([
  'name',
  'generateName',
  'namespace',
  'labels',
  'annotations',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'ownerReferences',
  'finalizers',
  'managedFields',
  'selfLink',
]);

/** The only fields that the CRD allows in the spec of a MeshTrust. */
const specFields: ReadonlySet<string> = new Set(['trustDomain', 'caBundles', 'origin']);
const bundleFields: ReadonlySet<string> = new Set(['type', 'pem']);
const pemFields: ReadonlySet<string> = new Set(['value']);
const originFields: ReadonlySet<string> = new Set(['kri']);

/**
 * Reports fields and labels without an effect: fields that the form of the resource does not define, labels below
 * `kuma.io/` that Kuma does not define, and labels and fields that were probably meant as the mesh. The resource stays
 * in force, because the rest of it is valid.
 */
export function unknownFields(
  form: Form,
  body: Record<string, unknown>,
  root: Path,
  mesh: string,
  context: ParseContext,
): readonly Finding[] {
  const effect = `it has no effect, and the resource is in mesh ${mesh}`;
  const besideSpec = [...unknownLabels(form, body, mesh), ...unknownBesideSpec(form, body)];
  return [
    ...report('MT051', unknownInSpec(body['spec']), 'it has no effect'),
    ...report('MT050', besideSpec, effect),
  ];

  function report(code: 'MT050' | 'MT051', all: readonly Unknown[], what: string): readonly Finding[] {
    const findings = all
      .slice(0, maxFindings)
      .map(({ path, reason }) => finding(code, `${reason}; ${what}`, placeOf(context, [...root, ...path])));
    return all.length > maxFindings ? [...findings, furtherFindings(code, root, context)] : findings;
  }
}

/** A field or label without an effect, with the reason. */
interface Unknown {
  readonly path: Path;
  readonly reason: string;
}

function unknownBesideSpec(form: Form, body: Record<string, unknown>): readonly Unknown[] {
  const metadata = form === 'kubernetes' ? unknownIn(body['metadata'], ['metadata'], metadataFields) : [];
  return [...unknownIn(body, [], resourceFields[form]), ...metadata].map((path) => ({
    path,
    reason: isMeshField(path)
      ? `the mesh of a resource with a kind is its label ${meshLabel}, not a field`
      : `${pathText(path)} is not a field of a MeshTrust with a ${form === 'kubernetes' ? 'kind' : 'type'}`,
  }));
}

/** True for `mesh`, which is not a field of the Kubernetes form. */
function isMeshField(path: Path): boolean {
  return path.at(-1) === 'mesh';
}

function unknownLabels(form: Form, body: Record<string, unknown>, mesh: string): readonly Unknown[] {
  return form === 'kubernetes' ? unknownInMetadata(body['metadata']) : unknownInUniversal(body, mesh);
}

function unknownInMetadata(metadata: unknown): readonly Unknown[] {
  if (!isMapping(metadata)) return [];
  const { labels, annotations } = metadata;
  const mesh = isMapping(labels) ? labels[meshLabel] : undefined;
  const unknown = unknownLabelsIn(labels, ['metadata', 'labels'], mesh != null);
  if (mesh != null || !isMapping(annotations) || annotations[meshLabel] == null) return unknown;
  // Kuma reads this annotation only from pods.
  const reason = `the mesh of a resource is its label ${meshLabel}, not an annotation`;
  return [...unknown, { path: ['metadata', 'annotations', meshLabel], reason }];
}

function unknownInUniversal(body: Record<string, unknown>, mesh: string): readonly Unknown[] {
  const { labels } = body;
  const unknown = unknownLabelsIn(labels, ['labels'], body['mesh'] != null);
  const label = isMapping(labels) ? labels[meshLabel] : undefined;
  // Kuma's REST API prints the mesh both as a field and as a label.
  if (label == null || label === mesh) return unknown;
  const reason = 'the mesh of a resource with a type is its field mesh, not a label';
  return [...unknown, { path: ['labels', meshLabel], reason }];
}

/** Returns the labels that resemble Kuma's labels. If the mesh is given, no other label was meant as the mesh. */
function unknownLabelsIn(labels: unknown, path: Path, hasMesh: boolean): readonly Unknown[] {
  if (!isMapping(labels)) return [];
  return Object.keys(labels)
    .filter((key) => key !== meshLabel && (isUnknownLabel(key) || (!hasMesh && isAlmostMeshLabel(key))))
    .map((key) => ({ path: [...path, key], reason: 'the label is not a label of Kuma' }));
}

function isUnknownLabel(key: string): boolean {
  return key.startsWith('kuma.io/') && !kumaLabels.has(key);
}

/** True for `mesh`, and for labels such as `Kuma.io/mesh`, `k8s.kuma.io/mesh`, `kuma/mesh` and `kuma.io_mesh`. */
function isAlmostMeshLabel(key: string): boolean {
  const word = plainWord(key);
  const [prefix = '', name] = word.split('/');
  if (name === undefined) return word === 'mesh' || distance(word, 'kuma.iomesh') <= 2;
  return (prefix.includes('kuma') && distance(name, 'mesh') <= 1) || distance(word, meshLabel) <= 2;
}

function unknownInSpec(spec: unknown): readonly Unknown[] {
  return unknownPathsInSpec(spec).map((path) => ({
    path,
    reason: `${pathText(path)} is not a field of a MeshTrust`,
  }));
}

function unknownPathsInSpec(spec: unknown): readonly Path[] {
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
