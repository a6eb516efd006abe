import { rotationsOf } from '../admin/rotation-routes.ts';
import type { RotationInput } from '../admin/rotation-routes.ts';
import type { RotationDetail } from '../api/rotation-api-types.ts';
import type { RotationSample } from '../observe/metrics/rotation-metrics.ts';
import { skewMs } from '../trust/rotation/facts.ts';

/** Returns all rotations for the metrics. Without a rotation, no proxy is looked at. */
export async function rotationSamples(input: RotationInput): Promise<readonly RotationSample[]> {
  const meshes = new Set((input.view().ledger.rotating ?? []).map(({ mesh }) => mesh));
  const all = await Promise.all([...meshes].map((mesh) => rotationsOf(input, mesh)));
  return all.flat().map((rotation) => sampleOf(rotation, input.wall()));
}

function sampleOf(
  { mesh, trustDomain, state, old, earliestFinish, leafTtlSeconds, switchedAt, listed, seen }: RotationDetail,
  now: number,
): RotationSample {
  const ca = listed.find(({ fingerprint }) => fingerprint === old);
  const ifNow = leafTtlSeconds === undefined ? undefined : now + leafTtlSeconds * 1000 + skewMs;
  const finish = earliestFinish === undefined ? undefined : Date.parse(earliestFinish);
  return {
    mesh,
    trustDomain,
    state,
    earliestFinish: switchedAt === undefined ? ifNow : finish,
    oldNotAfter: ca && Date.parse(ca.notAfter),
    oldLastSeen: seen?.old === undefined ? undefined : Date.parse(seen.old),
  };
}
