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
 * Reports what a resource says and nobody reads: fields of the spec that the CRD does not have, and labels below
 * `kuma.io/` that Kuma does not have. The resource stays in force, since the rest of it is valid.
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
  const labels = labelsOf(body).flatMap(({ path, keys }) =>
    keys
      .filter((key) => key.startsWith('kuma.io/') && !knownLabels.has(key))
      .map((key) => {
        const place = placeOf(context, [...root, ...path, key]);
        const effect = `it has no effect, and the resource is in mesh ${mesh}`;
        return finding('MT050', `the label is not one of Kuma's; ${effect}`, place);
      }),
  );
  return [...fields, ...labels];
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
