import { hash } from 'node:crypto';
import type { ServedIssuers } from '../access-log/sightings.ts';
import type { PipelineView } from '../runtime/pipeline.ts';
import type { MeshState } from '../trust/snapshot/mesh-builder.ts';

/**
 * Returns a function that returns the CA certificates of a mesh, by the fingerprint that Envoy logs: a certificate may be
 * served in another form than it is listed. They are computed once for each state of a mesh.
 */
export function servedIssuers(
  view: () => Pick<PipelineView, 'meshes'>,
): (mesh: string) => ServedIssuers | undefined {
  const known = new WeakMap<MeshState, ServedIssuers>();
  return (mesh) => {
    const state = view().meshes.get(mesh);
    if (state === undefined) return undefined;
    let issuers = known.get(state);
    if (issuers === undefined) known.set(state, (issuers = issuersOf(state)));
    return issuers;
  };
}

function issuersOf({ bundle }: MeshState): ServedIssuers {
  return new Map(
    bundle.bundles.flatMap(({ anchors }) =>
      anchors.map(({ certificate, der, rooting }) => [
        rooting === 'as-listed' ? certificate.fingerprint : hash('sha256', der),
        certificate.fingerprint,
      ]),
    ),
  );
}
