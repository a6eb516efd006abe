import type { CaSecret } from './mesh-identity.ts';
import { meshLabel } from './known-fields.ts';
import type { ParseContext } from './parse-context.ts';
import { readBlocks } from './read-blocks.ts';
import type { Path } from './read-yaml.ts';
import { isMapping } from '../../text/json.ts';

/** The type of the Kubernetes Secrets in which Kuma keeps the secrets of a mesh. */
const kumaSecretType = 'system.kuma.io/secret';

/** A longer text is ignored: the certificates of a CA are far shorter. */
const maxEncodedLength = 1_000_000;

/**
 * Reads a Secret of Kuma that has certificates. Returns `undefined` for any other document. A Secret with a private
 * key is ignored as a whole.
 */
export function readCaSecret(
  body: Readonly<Record<string, unknown>>,
  root: Path,
  context: ParseContext,
): CaSecret | undefined {
  const found = body['kind'] === 'Secret' ? ofKubernetes(body, context) : ofUniversal(body, context);
  if (found === undefined) return undefined;
  const { mesh, namespace = '', name, encoded, path } = found;
  if (typeof namespace !== 'string') return undefined;
  if (typeof mesh !== 'string' || typeof name !== 'string' || typeof encoded !== 'string') return undefined;
  if (encoded.length > maxEncodedLength) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  if (text.includes('PRIVATE KEY')) return undefined;
  const blocks = readBlocks(text, [...root, ...path], undefined, context);
  return blocks.length === 0 ? undefined : { mesh, namespace, name, blocks };
}

interface Encoded {
  readonly mesh: unknown;
  readonly namespace?: unknown;
  readonly name: unknown;
  readonly encoded: unknown;
  readonly path: Path;
}

function ofKubernetes(body: Readonly<Record<string, unknown>>, context: ParseContext): Encoded | undefined {
  const { apiVersion, type, metadata, data } = body;
  if (apiVersion !== 'v1' || type !== kumaSecretType || !isMapping(metadata) || !isMapping(data))
    return undefined;
  const labels = isMapping(metadata['labels']) ? metadata['labels'] : {};
  return {
    mesh: labels[meshLabel] ?? context.defaultMesh,
    namespace: metadata['namespace'] ?? '',
    name: metadata['name'],
    encoded: data['value'],
    path: ['data', 'value'],
  };
}

function ofUniversal(body: Readonly<Record<string, unknown>>, context: ParseContext): Encoded | undefined {
  const { kind, type, mesh, name, data } = body;
  if (kind !== undefined || type !== 'Secret') return undefined;
  return { mesh: mesh ?? context.defaultMesh, name, encoded: data, path: ['data'] };
}
