import type { MeshTrust } from './mesh-trust.ts';
import type { ParseContext } from './parse-context.ts';
import type { Path } from './read-yaml.ts';
import { meshLabel } from './known-fields.ts';
import { invalidName } from './resource-name.ts';
import { requireMapping } from './violations.ts';
import type { Report } from './violations.ts';
import { isMapping } from '../../text/json.ts';

/** The parts of the identity of a resource, in either form. */
export interface Header {
  readonly mesh: string;
  readonly namespace: string;
  readonly name: string;
}

/** Reads the mesh, the namespace and the name, and reports all violations in them. */
export function readHeader(
  form: 'kubernetes' | 'universal',
  body: Record<string, unknown>,
  context: ParseContext,
  report: Report,
): Header | undefined {
  switch (form) {
    case 'kubernetes':
      return readKubernetes(body, context, report);
    case 'universal':
      return readUniversal(body, context, report);
  }
}

function readKubernetes(
  body: Record<string, unknown>,
  context: ParseContext,
  report: Report,
): Header | undefined {
  if (body['apiVersion'] !== 'kuma.io/v1alpha1') report(['apiVersion'], "must be 'kuma.io/v1alpha1'");
  const metadata = requireMapping(body['metadata'], ['metadata'], report);
  if (metadata === undefined) return undefined;
  const labels =
    metadata['labels'] == null ? {} : requireMapping(metadata['labels'], ['metadata', 'labels'], report);
  const label = labels?.[meshLabel] ?? context.defaultMesh;
  const mesh = labels && readName(label, ['metadata', 'labels', meshLabel], report);
  const name = readName(metadata['name'], ['metadata', 'name'], report);
  const namespace =
    metadata['namespace'] == null ? '' : readName(metadata['namespace'], ['metadata', 'namespace'], report);
  return mesh === undefined || name === undefined || namespace === undefined
    ? undefined
    : { mesh, namespace, name };
}

function readUniversal(
  body: Record<string, unknown>,
  context: ParseContext,
  report: Report,
): Header | undefined {
  const mesh = readName(body['mesh'] ?? context.defaultMesh, ['mesh'], report);
  const name = readName(body['name'], ['name'], report);
  return mesh === undefined || name === undefined ? undefined : { mesh, namespace: '', name };
}

/** Reads the labels that say where a resource was made. */
export function readProvenance(
  form: 'kubernetes' | 'universal',
  body: Record<string, unknown>,
): Pick<MeshTrust, 'provenance'> {
  const holder = form === 'kubernetes' ? body['metadata'] : body;
  const labels = isMapping(holder) && isMapping(holder['labels']) ? holder['labels'] : {};
  const origin = labels['kuma.io/origin'];
  const zone = labels['kuma.io/zone'];
  return origin == null && zone == null ? {} : { provenance: { origin: textOf(origin), zone: textOf(zone) } };
}

function textOf(value: unknown): string | undefined {
  if (value == null) return undefined;
  return typeof value === 'string' ? value : '';
}

/** Reads the name of a resource or a mesh, and reports a violation. */
export function readName(value: unknown, path: Path, report: Report): string | undefined {
  if (value == null) return report(path, 'is required');
  if (typeof value !== 'string') return report(path, 'must be a string');
  const reason = invalidName(value);
  return reason === undefined ? value : report(path, reason);
}
