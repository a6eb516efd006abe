import { createHash } from 'node:crypto';
import { encodePem } from '../../trust/pem/encode-pem.ts';
import type { MeshTrust } from '../../trust/model/mesh-trust.ts';

/** The parts of a MeshTrust that a command prints. */
export interface MeshTrustText {
  readonly mesh: string;
  /** Empty for the Universal form. */
  readonly namespace: string;
  readonly name: string;
  /** Labels besides the one of the mesh in the Kubernetes form. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly trustDomain: string;
  /** One CA certificate each. */
  readonly pems: readonly string[];
  readonly originKri?: string | undefined;
}

/** Returns a MeshTrust as data for YAML: in the Kubernetes form if it has a namespace, else in the Universal form. */
export function meshTrustData(parts: MeshTrustText): object {
  const { mesh, namespace, name, labels, trustDomain, pems, originKri } = parts;
  const body = {
    spec: { trustDomain, caBundles: pems.map((value) => ({ type: 'Pem', pem: { value } })) },
    ...(originKri === undefined ? {} : { status: { origin: { kri: originKri } } }),
  };
  if (namespace === '')
    return { type: 'MeshTrust', name, mesh, ...(labels === undefined ? {} : { labels }), ...body };
  return {
    apiVersion: 'kuma.io/v1alpha1',
    kind: 'MeshTrust',
    metadata: { name, namespace, labels: { 'kuma.io/mesh': mesh, ...labels } },
    ...body,
  };
}

/** Returns a parsed MeshTrust as data for YAML. */
export function meshTrustObject(resource: MeshTrust, name = resource.name): object {
  const { mesh, namespace, trustDomain, originKri, blocks } = resource;
  const pems = blocks.flatMap((block) => (block.kind === 'anchor' ? [encodePem(block.certificate.der)] : []));
  return meshTrustData({ mesh, namespace, name, trustDomain, originKri, pems });
}

/** The longest trust domain in a name, so that the name is shorter than 253 characters. */
const longestInName = 240;

/**
 * Returns the name of an exported MeshTrust: the trust domain and a hash. Two meshes may list one trust domain, and the
 * names of objects in a cluster do not include the mesh.
 */
export function exportedName(mesh: string, trustDomain: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([mesh, trustDomain]))
    .digest('hex')
    .slice(0, 8);
  const readable = trustDomain
    .replaceAll('_', '-')
    .slice(0, longestInName)
    // Each label of a name in Kubernetes begins and ends with a letter or a digit.
    .split('.')
    .map((label) => label.replaceAll(/^-+|-+$/g, ''))
    .filter((label) => label !== '')
    .join('.');
  return readable === '' ? `trust-${hash}` : `${readable}-${hash}`;
}
