import { presentAny, presentRollout } from '../api/present-fleet.ts';
import { presentMesh } from '../api/present-mesh.ts';
import type { MeshContext } from '../api/present-mesh.ts';
import { presentRotations } from '../api/present-rotation.ts';
import type { RotationList } from '../api/rotation-api-types.ts';
import { assessRollout } from '../fleet/rollout.ts';
import type { MeshTrust } from '../trust/model/mesh-trust.ts';
import { jsonReply, unknownMesh } from './reply.ts';
import type { ApiInput } from './api-routes.ts';
import type { ConsumerInput } from './federation-routes.ts';
import type { IssuerInput } from './issuer-routes.ts';
import type { Route } from './router.ts';
import { serverDetail } from './server-routes.ts';
import type { ServerInput } from './server-routes.ts';

/** The sources of the responses about rotations. */
export interface RotationInput extends ApiInput, ServerInput, ConsumerInput, IssuerInput {}

/** Number of lagging proxies that the gates know by name. */
const mostLagging = 100;

/** Returns the route `/api/v1/meshes/{mesh}/rotations`. */
export function rotationRoutes(input: RotationInput): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: '/api/v1/meshes/{mesh}/rotations',
      answer: async ([mesh = '']) => {
        const { view } = input;
        if (!view().meshes.has(mesh)) return unknownMesh(mesh, view().readiness, 'no CA is rotated');
        return jsonReply({ rotations: await rotationsOf(input, mesh) } satisfies RotationList);
      },
    },
  ];
}

/** Returns the rotations of a mesh, with the state and the gates as this server sees them. */
export async function rotationsOf(input: RotationInput, mesh: string): Promise<RotationList['rotations']> {
  const { view, fleet, wall, proxies, now, bundleConsumers, issuers } = input;
  const rotatingNow = (): readonly MeshTrust[] =>
    (view().ledger.rotating ?? []).filter((one) => one.mesh === mesh);
  // Nearly every request: without a rotation, no proxy is looked at.
  if (rotatingNow().length === 0) return [];
  const look = await fleet.look(mesh);
  // Workers take a moment: the annotations must be of the same state as the mesh.
  const rotating = rotatingNow();
  const { history } = fleet;
  const time = wall();
  const { findings, ledger, meshes } = view();
  const state = meshes.get(mesh);
  const context: MeshContext = { findings, held: ledger.held, proxies: proxies(mesh), now: now() };
  const rollout = assessRollout(look, history, { mesh, mostLagging, now: time });
  const gone = [...look.gone]
    .filter((proxy) => proxy.mesh === mesh)
    .map((proxy) => presentAny(proxy, { history, now: time }));
  const answers = {
    server: serverDetail(input),
    mesh: state && presentMesh(state, context),
    rollout: rollout && presentRollout(rollout, time),
    gone,
    consumers: bundleConsumers?.(),
    issuers: issuers?.(mesh),
  };
  return presentRotations('this server', rotating, answers, time);
}
