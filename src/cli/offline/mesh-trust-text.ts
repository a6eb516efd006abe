import { encodePem } from '../../trust/pem/encode-pem.ts';
import type { MeshTrust } from '../../trust/model/mesh-trust.ts';

/** Returns a MeshTrust as data for YAML: in the Kubernetes form if it has a namespace, else in the Universal form. */
export function meshTrustObject(resource: MeshTrust, name = resource.name): object {
  const { mesh, namespace, trustDomain, originKri, blocks } = resource;
  const body = {
    spec: {
      trustDomain,
      caBundles: blocks.flatMap((block) =>
        block.kind === 'anchor' ? [{ type: 'Pem', pem: { value: encodePem(block.certificate.der) } }] : [],
      ),
    },
    ...(originKri === undefined ? {} : { status: { origin: { kri: originKri } } }),
  };
  if (namespace === '') return { type: 'MeshTrust', name, mesh, ...body };
  return {
    apiVersion: 'kuma.io/v1alpha1',
    kind: 'MeshTrust',
    metadata: { name, namespace, labels: { 'kuma.io/mesh': mesh } },
    ...body,
  };
}
