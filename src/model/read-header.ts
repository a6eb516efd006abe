import type { ParseContext } from './parse-context.ts';
import type { Path } from './read-yaml.ts';
import { asMapping, isMapping } from './violations.ts';
import type { Report } from './violations.ts';

/** What names a resource, in either form. */
export interface Header {
  readonly mesh: string;
  readonly namespace: string;
  readonly name: string;
}

/** The form of a document: one of MeshTrust's, or another kind. */
export type Form = 'kubernetes' | 'universal' | 'other';

const namePattern = /^[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?$/;

/** Tells the forms apart: Kubernetes (apiVersion, kind, metadata) and Universal (type, name, mesh). */
export function formOf(value: unknown): Form {
  if (!isMapping(value)) return 'other';
  if (value['type'] === 'MeshTrust' && value['kind'] === undefined) return 'universal';
  if (value['kind'] !== 'MeshTrust') return 'other';
  const apiVersion = value['apiVersion'];
  return typeof apiVersion !== 'string' || apiVersion.startsWith('kuma.io/') ? 'kubernetes' : 'other';
}

/** Reads mesh, namespace and name; reports all that is wrong with them. */
export function readHeader(
  form: Exclude<Form, 'other'>,
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
  const metadata = asMapping(body['metadata'], ['metadata'], report);
  if (metadata === undefined) return undefined;
  const labels =
    metadata['labels'] == null ? {} : asMapping(metadata['labels'], ['metadata', 'labels'], report);
  const label = labels?.['kuma.io/mesh'] ?? context.defaultMesh;
  const mesh = labels && readName(label, ['metadata', 'labels', 'kuma.io/mesh'], report);
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

function readName(value: unknown, path: Path, report: Report): string | undefined {
  if (value == null) return report(path, 'is required');
  if (typeof value !== 'string') return report(path, 'must be a string');
  if (!namePattern.test(value)) {
    return report(
      path,
      "must be at most 253 lower case letters, digits, '-', '_' or '.', and begin and end with a letter or digit",
    );
  }
  return value;
}
